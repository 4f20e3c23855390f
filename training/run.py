"""A training run on disk: the encoder, how it came to be, and which files it has seen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import keras

from fused_encoder.encoder import load_encoder
from inference.export import library_versions
from training.fit import TrainedEncoder, TrainingOptions
from triplets.features import PreparedFile, PreparedMedia
from triplets.folders import MediaFile, PairedFolders

SCHEMA = 1


@dataclass(frozen=True)
class SavedRun:
    """What `save_run` wrote.

    Args:
        directory: where.
        encoder: the trained encoder.
        options: how it was trained.
        yamnet_source: what `load_yamnet` was given; None for its search order, "log_mel" for
            `LogMelFeatures`.
        history: of each epoch: `loss`, `val_precision_at_1`, ...
        training: the files it was trained on.
        held_out: the files it has never seen.
    """

    directory: Path
    encoder: keras.Model
    options: TrainingOptions
    yamnet_source: str | None
    history: dict[str, list[float]]
    training: PairedFolders
    held_out: PairedFolders


def save_run(
    directory: str | Path,
    trained: TrainedEncoder,
    options: TrainingOptions,
    *,
    yamnet_source: str | None = None,
) -> Path:
    """Writes `encoder.keras` and `run.json`, for `load_run`.

    Args:
        directory: made if it does not exist.
        trained: from `train_encoder`.
        options: those it was given.
        yamnet_source: see `SavedRun`.

    Returns:
        The directory.
    """
    root = Path(directory)
    root.mkdir(parents=True, exist_ok=True)
    trained.encoder.save(root / "unfinished.keras")
    (root / "unfinished.keras").replace(root / "encoder.keras")
    record = {
        "schema": SCHEMA,
        "options": asdict(options),
        "yamnet_source": yamnet_source,
        "class_names": trained.training.class_names,
        "training": _to_json(trained.training),
        "held_out": _to_json(trained.held_out),
        "skipped": [{"path": str(s.path), "reason": s.reason} for s in trained.skipped],
        "history": trained.history,
        "versions": library_versions(),
    }
    temporary = root / "run.json.part"
    temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")
    temporary.replace(root / "run.json")
    return root


def load_run(directory: str | Path) -> SavedRun:
    """The run that `save_run` wrote.

    Args:
        directory: the folder that `save_run` or `fused-encoder train --out` wrote.

    Raises:
        FileNotFoundError: it holds no run.
        ValueError: it was written by a newer version.
    """
    root = Path(directory)
    if not (root / "run.json").is_file():
        raise FileNotFoundError(
            f"No training run in '{root}'. Expected a folder that `fused-encoder train --out` wrote, "
            "with the files run.json and encoder.keras."
        )
    record = json.loads((root / "run.json").read_text(encoding="utf-8"))
    if record["schema"] > SCHEMA:
        raise ValueError(
            f"'{root}' has schema {record['schema']}, this version reads up to {SCHEMA}. "
            "Update fused-encoder."
        )
    class_names = tuple(record["class_names"])
    return SavedRun(
        root,
        load_encoder(root / "encoder.keras"),
        TrainingOptions(**record["options"]),
        record["yamnet_source"],
        record["history"],
        _from_json(record["training"], class_names),
        _from_json(record["held_out"], class_names),
    )


def _to_json(media: PreparedMedia) -> dict[str, list[tuple[str, int]]]:
    def listed(files: Sequence[PreparedFile]) -> list[tuple[str, int]]:
        return [(str(file.path.resolve()), file.class_index) for file in files]

    return {"images": listed(media.images), "recordings": listed(media.recordings)}


def _from_json(
    record: dict[str, list[tuple[str, int]]], class_names: tuple[str, ...]
) -> PairedFolders:
    images, recordings = (
        tuple(MediaFile(Path(path), index) for path, index in record[kind])
        for kind in ("images", "recordings")
    )
    return PairedFolders(class_names, images, recordings)
