"""Thresholds on disk: a JSON file beside the classifier."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

from media.atomic import write_text_atomically
from soundscapes.thresholds import SpeciesThreshold, SpeciesThresholds

THRESHOLDS_FILE = "thresholds.json"


def save_thresholds(path: str | Path, thresholds: SpeciesThresholds) -> Path:
    """Writes thresholds as JSON.

    Args:
        path: of the file, or the folder of a classifier, which gets a `thresholds.json`.
        thresholds: from `certify_thresholds`.

    Returns:
        The path of the file.
    """
    return write_text_atomically(_file(path), thresholds_to_json(thresholds))


def load_thresholds(path: str | Path) -> SpeciesThresholds:
    """The thresholds that `save_thresholds` wrote.

    Raises:
        FileNotFoundError: there are none.
        ValueError: the file is damaged.
    """
    file = _file(path)
    if not file.is_file():
        raise FileNotFoundError(
            f"There are no thresholds at '{file}'. `fused-encoder classify evaluate` certifies them, or "
            "soundscapes.certify_thresholds and save_thresholds."
        )
    try:
        return thresholds_from_json(file.read_text("utf-8"))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"'{file}' is damaged ({error}). Certify the thresholds again.") from error


def thresholds_to_json(thresholds: SpeciesThresholds) -> str:
    """As it is written; a number that is not known is null."""
    record = asdict(thresholds)
    for one in record["species"]:
        one["observed"] = None if math.isnan(one["observed"]) else one["observed"]
    return json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False)


def thresholds_from_json(text: str) -> SpeciesThresholds:
    """What `thresholds_to_json` wrote; ValueError, KeyError or TypeError where it is none."""
    record = json.loads(text)
    species = tuple(
        SpeciesThreshold(
            **{**one, "observed": math.nan if one["observed"] is None else one["observed"]}
        )
        for one in record["species"]
    )
    return SpeciesThresholds(**{**record, "species": species})


def _file(path: str | Path) -> Path:
    path = Path(path)
    return path if path.suffix == ".json" else path / THRESHOLDS_FILE
