"""Backup: what a killed run needs to go on where it was, and only the same run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import keras

from training.callbacks import HistoryFile
from training.frozen_features import frozen_fingerprint
from training.options import TrainingOptions
from triplets.features import PreparedMedia

IDENTITY_FILE = "run_it_is_of.json"


class RunBackup:
    """A folder with the history of a run, and with its weights and optimizer as of the last epoch.

    Args:
        directory: made if it does not exist.
        options: of the run.
        media: what it is trained on.
        held_out: what it is validated on, if anything.
        encoder: what is trained: of another network, or behind other frozen weights, what was kept is
            worth nothing, even where the shapes are the same.

    Raises:
        ValueError: the folder holds the backup of a run with other options, files, features (of another
            YAMNet) or another encoder.
    """

    def __init__(
        self,
        directory: str | Path,
        options: TrainingOptions,
        media: PreparedMedia,
        *,
        held_out: PreparedMedia | None = None,
        encoder: keras.Model | None = None,
    ) -> None:
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        _check_same_run(
            self.directory / IDENTITY_FILE, _identity(options, media, held_out, encoder)
        )
        self.history = HistoryFile(self.directory / "history.json")

    @property
    def mined_rows(self) -> Path:
        """Where `MineAgain` keeps its rows."""
        return self.directory / "mined_rows.npz"

    def callbacks(self) -> list[keras.callbacks.Callback]:
        """For `fit`, behind those that log: whatever is backed up is in the history too."""
        weights = keras.callbacks.BackupAndRestore(
            self.directory / "backup", double_checkpoint=True
        )
        return [self.history, weights]

    def remove(self) -> None:
        """Removes what was kept, now that the run is done. Other files in the folder stay."""
        for name in (IDENTITY_FILE, "history.json", "mined_rows.npz"):
            (self.directory / name).unlink(missing_ok=True)
        if not any(self.directory.iterdir()):
            self.directory.rmdir()


def _identity(
    options: TrainingOptions,
    media: PreparedMedia,
    held_out: PreparedMedia | None,
    encoder: keras.Model | None,
) -> dict[str, object]:
    return {
        "options": options.to_dict(),
        "class_names": list(media.class_names),
        "training_files": _files(media),
        "held_out_files": None if held_out is None else _files(held_out),
        "encoder": None if encoder is None else frozen_fingerprint(encoder),
    }


def _files(media: PreparedMedia) -> list[list[object]]:
    """Of each file its class, and its feature's name, which tells its content and what made it."""
    files = (*media.images, *media.recordings)
    return [[file.class_index, file.feature_path.name] for file in files]


def _check_same_run(path: Path, identity: dict[str, object]) -> None:
    if not path.is_file():
        temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
        temporary.write_text(json.dumps(identity), encoding="utf-8")
        temporary.replace(path)
        return
    known = json.loads(path.read_text(encoding="utf-8"))
    differing = [name for name, value in identity.items() if known.get(name) != value]
    if differing:
        raise ValueError(
            f"'{path.parent}' holds the backup of an unfinished run that differs in its "
            f"{' and '.join(name.replace('_', ' ') for name in differing)}. Start that run again with its "
            "own arguments, or remove the folder to begin anew."
        )
