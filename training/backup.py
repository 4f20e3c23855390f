"""Backup: what a killed run needs to go on where it was, and only the same run."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import keras

from media.atomic import write_text_atomically
from training.frozen_features import frozen_fingerprint
from training.options import TrainingOptions
from triplets.prepared import PreparedMedia

IDENTITY_FILE = "run_it_is_of.json"
NOT_LOGGED = "NA"  # as CSVLogger writes it


class RunBackup:
    """A folder with the history of a run, and with its weights and optimizer as of the last epoch.

    Raises:
        ValueError: the folder holds the backup of a run with other options, files, features (of another
            audio front end) or another encoder.
    """

    def __init__(
        self,
        directory: str | Path,
        options: TrainingOptions,
        media: PreparedMedia,
        *,
        held_out: PreparedMedia | None,
        encoder: keras.Model,
    ) -> None:
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.history_path = self.directory / "history.csv"
        self.mined_rows = self.directory / "mined_rows.npz"
        identity = {
            "options": options.to_dict(),
            "class_names": list(media.class_names),
            "training_files": _files(media),
            "held_out_files": None if held_out is None else _files(held_out),
            "encoder": frozen_fingerprint(encoder),
        }
        _check_same_run(self.directory / IDENTITY_FILE, identity)

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """For `fit`, behind those that log: whatever is backed up is in the history too."""
        return [
            keras.callbacks.CSVLogger(self.history_path, append=True),
            keras.callbacks.BackupAndRestore(self.directory / "backup", double_checkpoint=True),
        ]

    def remove(self) -> None:
        """Removes what was kept, now that the run is done. Other files in the folder stay."""
        for path in (self.directory / IDENTITY_FILE, self.history_path, self.mined_rows):
            path.unlink(missing_ok=True)
        if not any(self.directory.iterdir()):
            self.directory.rmdir()


def read_history(path: str | Path) -> dict[str, list[float]]:
    """What `keras.callbacks.CSVLogger(path, append=True)` wrote, also across runs that were killed.

    An epoch that was logged twice, because a run was killed between the logger and its backup, counts as
    it was logged last.

    Returns:
        As `History.history`: of each name the values, epoch by epoch; NaN where none was logged.
    """
    with Path(path).open(encoding="utf-8", newline="") as file:
        epochs = {int(row.pop("epoch")): row for row in csv.DictReader(file)}
    names = list(next(iter(epochs.values()), {}))
    columns = {name: [epochs[epoch][name] for epoch in sorted(epochs)] for name in names}
    return {
        name: [float("nan") if value == NOT_LOGGED else float(value) for value in values]
        for name, values in columns.items()
        if set(values) != {NOT_LOGGED}  # Keras adds a val_ column to each, logged or not
    }


def _files(media: PreparedMedia) -> list[list[object]]:
    """Of each file its class, and its feature's name, which tells its content and what made it."""
    files = (*media.images, *media.recordings)
    return [[file.class_index, file.feature_path.name] for file in files]


def _check_same_run(path: Path, identity: Mapping[str, object]) -> None:
    if not path.is_file():
        write_text_atomically(path, json.dumps(identity))
        return
    known = json.loads(path.read_text(encoding="utf-8"))
    differing = [name for name, value in identity.items() if known.get(name) != value]
    if differing:
        raise ValueError(
            f"'{path.parent}' holds the backup of an unfinished run that differs in its "
            f"{' and '.join(name.replace('_', ' ') for name in differing)}. Start that run again with its "
            "own arguments, or remove the folder to begin anew."
        )
