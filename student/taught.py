"""What a teacher said of clips, computed once and stored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from media.atomic import atomic_file
from student.clips import StudentClips


@dataclass(frozen=True)
class TeacherOutputs:
    """What a teacher said of clips.

    Attributes:
        logits: float32 [num_clips, num_classes], whose softmax is a probability.
        summary: float32 [num_clips, size], what it knows of a clip before it names species; None: not known.
    """

    logits: np.ndarray
    summary: np.ndarray | None = None

    @property
    def arrays(self) -> list[np.ndarray]:
        """As batches hold them."""
        return [self.logits] if self.summary is None else [self.logits, self.summary]


class Teacher(Protocol):
    """Who knows more."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The species, in the order of the logits."""
        ...

    def outputs(self, clips: StudentClips) -> TeacherOutputs:
        """What it says of clips; it hears their recordings with its own ears."""
        ...


def save_teacher_outputs(path: str | Path, outputs: TeacherOutputs) -> Path:
    """Writes them as .npz, for `load_teacher_outputs`."""
    with atomic_file(Path(path)) as place, place.open("wb") as file:
        if outputs.summary is None:
            np.savez(file, logits=outputs.logits)
        else:
            np.savez(file, logits=outputs.logits, summary=outputs.summary)
    return Path(path)


def load_teacher_outputs(path: str | Path) -> TeacherOutputs:
    """What `save_teacher_outputs` wrote."""
    with np.load(path) as stored:
        return TeacherOutputs(stored["logits"], stored.get("summary"))
