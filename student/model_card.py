"""The card of an exported student: what is to be known of it to use it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from student.features import FEATURE_NAMES
from student.unknown import PUBLISHED_RULE, UnknownRule

if TYPE_CHECKING:
    from student.exported_graph import StudentInput
    from student.student import Student

CARD_FILE = "model_card.json"


def read_model_card(path: str | Path) -> dict[str, Any]:
    """The card of a file that `export_litert` wrote. Needs no TensorFlow.

    Raises:
        ValueError: it has none.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read(CARD_FILE))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ValueError(
            f"'{path}' has no {CARD_FILE} at its end ({error}). Export it with `export_litert`."
        ) from error


def model_card(
    student: Student,
    takes: StudentInput = "mel",
    *,
    unknown: UnknownRule | None = None,
    told: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What is to be known of a student to use it, as JSON holds it."""
    from inference.export import library_versions
    from student.exported_graph import input_shapes

    hearing, shapes = student.hearing, input_shapes(student, takes)
    names = {"features": list(FEATURE_NAMES), "extra": list(student.extra_names)}
    return {
        "kind": "student",
        "class_names": list(student.class_names),
        "hearing": {**hearing.to_dict(), "max_hz": hearing.highest_hz},
        "inputs": {name: names.get(name, list(shape)) for name, shape in shapes.items()},
        "output": "logits; their softmax is a probability",
        "unknown": asdict(unknown or PUBLISHED_RULE),
        "parameters": int(student.network.count_params()),
        "versions": library_versions(),
        **(told or {}),
    }
