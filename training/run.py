"""A training run on disk: the encoder, how it came to be, and which files it has seen."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras

from fused_encoder.encoder import load_encoder
from fused_encoder.front_ends.contract import AudioFrontEnd
from fused_encoder.front_ends.yamnet import Yamnet, as_front_end
from inference.export import library_versions
from media.atomic import write_text_atomically
from training.fit import TrainedEncoder
from training.options import TrainingOptions
from triplets.folders import LabelledFiles, MediaFile
from triplets.prepared import PreparedFile, PreparedMedia

SCHEMA = 4
EVALUATION_FOLDER = "evaluation"


@dataclass(frozen=True)
class SavedRun:
    """What `save_run` wrote.

    `front_end_source` is what `load_front_end` was given.
    """

    directory: Path
    encoder: keras.Model
    options: TrainingOptions
    front_end_source: str | None
    history: dict[str, list[float]]  # of each epoch: `loss`, `val_precision_at_1`, ...
    training: LabelledFiles
    held_out: LabelledFiles  # the files that the encoder has never seen
    front_end_fingerprint: str | None = None  # None where it was not told
    contents: dict[Path, str] = field(default_factory=dict, repr=False)  # SHA-256 in training


def save_run(
    directory: str | Path,
    trained: TrainedEncoder,
    options: TrainingOptions,
    *,
    front_end_source: str | None = None,
    front_end: Yamnet | AudioFrontEnd | None = None,
) -> Path:
    """Writes `encoder.keras` and `run.json`, for `load_run`.

    An earlier run in the folder is replaced, and with it the evaluation that was made of it.

    Args:
        directory: made if it does not exist.
        trained: from `train_encoder`.
        options: those it was given.
        front_end_source: see `SavedRun`.
        front_end: the one it was trained with, so that another one is noticed later.

    Returns:
        The directory.
    """
    root = Path(directory)
    root.mkdir(parents=True, exist_ok=True)
    record = {
        "schema": SCHEMA,
        "options": options.to_dict(),
        "front_end_source": front_end_source,
        "front_end_fingerprint": None if front_end is None else as_front_end(front_end).fingerprint,
        "class_names": trained.training.class_names,
        "training": _to_json(trained.training),
        "held_out": _to_json(trained.held_out),
        "skipped": [{"path": str(s.path), "reason": s.reason} for s in trained.skipped],
        "history": trained.history,
        "versions": library_versions(),
    }
    trained.encoder.save(root / "unfinished.keras")
    # Never an encoder beside the record of another: that might call held out what it was trained on.
    (root / "run.json").unlink(missing_ok=True)
    _remove_evaluation(root / EVALUATION_FOLDER)
    (root / "unfinished.keras").replace(root / "encoder.keras")
    write_text_atomically(root / "run.json", json.dumps(record, indent=1))
    return root


def load_run(directory: str | Path) -> SavedRun:
    """The run that `save_run` or `fused-encoder train --out` wrote.

    Raises:
        FileNotFoundError: it holds no run.
        ValueError: it is damaged, or was written by a newer version.
    """
    root = Path(directory)
    if not (root / "run.json").is_file():
        raise FileNotFoundError(
            f"No training run in '{root}'. Expected a folder that `fused-encoder train --out` wrote, "
            "with the files run.json and encoder.keras."
        )
    with _damage_explained(root / "run.json", "record"):
        record = json.loads((root / "run.json").read_text(encoding="utf-8"))
        schema = int(record["schema"])
        fields = _fields(record) if schema == SCHEMA else {}
    if schema != SCHEMA:
        raise ValueError(
            f"'{root / 'run.json'}' has schema {schema}, this version reads {SCHEMA}. Train again, or use "
            "the version of fused-encoder that wrote it."
        )
    with _damage_explained(root / "encoder.keras", "encoder"):
        return SavedRun(root, load_encoder(root / "encoder.keras"), **fields)


def changes_since_training(
    run: SavedRun, front_end: Yamnet | AudioFrontEnd | None, *media: PreparedMedia
) -> list[str]:
    """What is not as it was when the run's encoder was trained.

    Args:
        run: from `load_run`.
        front_end: the one that the run is used with now; None where it has no recordings.
        media: the run's files as they are prepared now. Files that are gone are not told of here: they
            are in `skipped`.

    Returns:
        One sentence for each kind of change; empty where nothing is known to differ.
    """
    changes = []
    now = as_front_end(front_end).fingerprint
    if run.front_end_fingerprint not in (None, now):
        changes.append(
            "The encoder was trained with another audio front end (fingerprint "
            f"{run.front_end_fingerprint}) than the one found now ({now}): what it hears is not what it "
            "learnt from, and figures may be too low. Put that of the training where it is looked for (of "
            "YAMNet: FUSED_ENCODER_WEIGHTS), or train again. (The same weights from another kind of file "
            "have another fingerprint, too.)"
        )
    files = [file for side in media for file in (*side.images, *side.recordings)]
    changed = [
        file for file in files if run.contents.get(file.path, file.bytes_hash) != file.bytes_hash
    ]
    if changed:
        named = ", ".join(f"'{file.path}'" for file in changed[:5])
        more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
        changes.append(
            f"{len(changed)} of {len(files)} files hold other bytes than in training: {named}{more}. "
            "Figures are of the files as they are now. Restore them, or train again."
        )
    return changes


@contextmanager
def _damage_explained(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"'{path}' is damaged ({type(error).__name__}: {error}). Expected the {what} of a training "
            "run, as `fused-encoder train --out` writes it. Restore the file, or train again."
        ) from error


# Any: as JSON gives it
def _fields(record: dict[str, Any]) -> dict[str, Any]:
    class_names = tuple(record["class_names"])
    sides = [record[side] for side in ("training", "held_out")]
    files = [file for side in sides for kind in ("images", "recordings") for file in side[kind]]
    return {
        "options": TrainingOptions.from_dict(record["options"]),
        "front_end_source": record["front_end_source"],
        "history": dict(record["history"]),
        "training": _from_json(sides[0], class_names),
        "held_out": _from_json(sides[1], class_names),
        "front_end_fingerprint": record["front_end_fingerprint"],
        "contents": {Path(path): content.partition("-")[0] for path, _, content, *_ in files},
    }


def _remove_evaluation(folder: Path) -> None:
    """Removes what `fused-encoder evaluate` wrote there, and nothing else."""
    if not (folder / "metrics.json").is_file():
        return
    pictures = (file for kind in ("png", "jpeg") for file in folder.glob(f"pictures/*.{kind}"))
    for file in (folder / "metrics.json", folder / "report.html", *pictures):
        file.unlink(missing_ok=True)
    for emptied in (folder / "pictures", folder):
        if emptied.is_dir() and not any(emptied.iterdir()):
            emptied.rmdir()


def _to_json(media: PreparedMedia) -> dict[str, list]:
    def listed(files: Sequence[PreparedFile]) -> list[tuple]:
        return [
            (str(file.path.resolve()), file.class_index, file.content, file.named_source, file.box)
            for file in files
        ]

    return {"images": listed(media.images), "recordings": listed(media.recordings)}


def _from_json(record: dict[str, list], class_names: tuple[str, ...]) -> LabelledFiles:
    images, recordings = (
        tuple(
            MediaFile(Path(path), index, source, box and tuple(box))
            for path, index, _, source, box in record[kind]
        )
        for kind in ("images", "recordings")
    )
    return LabelledFiles(class_names, images, recordings)
