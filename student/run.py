"""A trained student on disk: its network, what it hears, what it was trained on, and how."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras

from inference.export import library_versions
from media.atomic import write_text_atomically
from soundscapes.recordings import LabelledRecordings
from soundscapes.run import recordings_from_json, recordings_to_json
from student.distil import TrainedStudent
from student.hearing import StudentHearing
from student.options import StudentTraining
from student.student import Student

SCHEMA = 1
RUN_FILE, BEST_FILE, FINAL_FILE = "run.json", "student.keras", "student_final.keras"
KIND = "student"


@dataclass(frozen=True)
class StudentRun:
    """What `save_student_run` wrote.

    Attributes:
        directory: where it is.
        student: with the weights of its best epoch.
        options: how it was trained.
        training: recordings that it learnt from.
        validation: recordings that chose its best epoch.
        held_out: recordings that it has nothing to do with.
        history: of each epoch.
        teacher: its name and figures; empty where it had none.
        extra: further numbers of recordings by path, see `prepare_clips`.
        pruned: sparsity, sizes and accuracies where it was pruned; else empty.
    """

    directory: Path
    student: Student
    options: StudentTraining
    training: LabelledRecordings
    validation: LabelledRecordings
    held_out: LabelledRecordings
    history: dict[str, list[float]]
    teacher: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[Path, tuple[float, ...]] = field(default_factory=dict)
    pruned: Mapping[str, float] = field(default_factory=dict)


def save_student_run(
    directory: str | Path,
    trained: TrainedStudent,
    options: StudentTraining,
    training: LabelledRecordings,
    validation: LabelledRecordings,
    held_out: LabelledRecordings,
    *,
    teacher: Mapping[str, Any] | None = None,
    extra: Mapping[Path, tuple[float, ...]] | None = None,
    pruned: Mapping[str, float] | None = None,
) -> Path:
    """Writes `student.keras` (best), `student_final.keras` and `run.json`; an earlier run is replaced.

    Args:
        directory: made if it does not exist.
        trained: from `distil_student`.
        options: those it was given.
        training: recordings it learnt from.
        validation: those that chose its best epoch.
        held_out: others, to be evaluated with.
        teacher: what is to be told of its teacher, as JSON takes it.
        extra: as `prepare_clips` was given.
        pruned: what is to be told of its pruning.

    Returns:
        The directory.
    """
    root, student = Path(directory), trained.student
    root.mkdir(parents=True, exist_ok=True)
    sides = {"training": training, "validation": validation, "held_out": held_out}
    record = {
        "schema": SCHEMA,
        "kind": KIND,
        "hearing": student.hearing.to_dict(),
        "class_names": student.class_names,
        "extra_names": student.extra_names,
        "extra": {str(path.absolute()): list(row) for path, row in (extra or {}).items()},
        "options": options.to_dict(),
        "history": trained.history,
        **{name: recordings_to_json(side) for name, side in sides.items()},
        "teacher": dict(teacher or {}),
        "pruned": dict(pruned or {}),
        "versions": library_versions(),
    }
    (root / RUN_FILE).unlink(missing_ok=True)  # never a network beside another's record
    for name, each in ((BEST_FILE, student), (FINAL_FILE, trained.final)):
        each.network.save(root / f"unfinished-{name}")
        (root / f"unfinished-{name}").replace(root / name)
    write_text_atomically(root / RUN_FILE, json.dumps(record, indent=1))
    return root


def load_student_run(directory: str | Path) -> StudentRun:
    """The run that `save_student_run` or `fused-encoder student train --out` wrote.

    Raises:
        FileNotFoundError: it holds no such run.
        ValueError: it is damaged, or another version wrote it.
    """
    root = Path(directory)
    if not (root / RUN_FILE).is_file():
        raise FileNotFoundError(
            f"No student in '{root}'. Expected a folder that `fused-encoder student train --out` wrote, with "
            f"the files {RUN_FILE} and {BEST_FILE}."
        )
    try:
        record = json.loads((root / RUN_FILE).read_text("utf-8"))
        if record.get("kind") != KIND:
            raise ValueError("it is a run of another command")
        names = tuple(record["class_names"])
        sides = ("training", "validation", "held_out")
        training, validation, held_out = (recordings_from_json(record[s], names) for s in sides)
        student = Student(
            keras.saving.load_model(root / BEST_FILE, compile=False),
            StudentHearing.from_dict(record["hearing"]),
            names,
            tuple(record["extra_names"]),
        )
        options = StudentTraining.from_dict(record["options"])
        extra = {Path(path): tuple(row) for path, row in record["extra"].items()}
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ValueError(
            f"The student in '{root}' is damaged, or another version wrote it: {error}. Train again."
        ) from error
    return StudentRun(
        root,
        student,
        options,
        training,
        validation,
        held_out,
        record["history"],
        record["teacher"],
        extra,
        record.get("pruned", {}),
    )


def load_student(directory: str | Path) -> Student:
    """The student of a run alone; raises as `load_student_run`."""
    return load_student_run(directory).student
