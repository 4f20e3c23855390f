"""Evaluation of a student: recordings that it has never heard, and how sure it was of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from soundscapes.probes import ConfoundProbe, confound_probe
from soundscapes.recordings import LabelledRecordings
from student.clips import StudentClips, prepare_clips, recording_means
from student.distil import predicted
from student.student import Student
from student.unknown import UNKNOWN_BELOW, softmax
from triplets import FeatureStore


@dataclass(frozen=True)
class StudentEvaluation:
    """What a student said of held-out recordings.

    Attributes:
        clips: of those that could be read.
        logits: float32 [num_recordings, num_classes], the mean over each recording's clips.
        accuracy: share of recordings whose highest logit is of their species.
        weighted_f1: F1 of each species, weighed by its recordings.
        macro_f1: mean of the species' F1; species without a recording do not count.
        confusion: int64 [num_classes, num_classes], rows are the truth.
        unknown_share: share whose probability is below 0.7 (the published rule, not calibrated).
        known_accuracy: of the others; NaN if there are none.
        probe: what the circumstances of all recordings alone tell; None where that cannot be said.
    """

    clips: StudentClips
    logits: np.ndarray
    accuracy: float
    weighted_f1: float
    macro_f1: float
    confusion: np.ndarray
    unknown_share: float
    known_accuracy: float
    probe: ConfoundProbe | None

    @property
    def probabilities(self) -> np.ndarray:
        """Softmax of the logits, float32 [num_recordings, num_classes]."""
        return softmax(self.logits)

    @property
    def predicted(self) -> np.ndarray:
        """int64 [num_recordings]."""
        return self.logits.argmax(axis=1)

    @property
    def misclassified(self) -> np.ndarray:
        """Recordings whose highest logit is of another species, the surest first: int64."""
        wrong = np.flatnonzero(self.predicted != self.clips.recordings.primary)
        return wrong[np.argsort(-self.probabilities[wrong].max(axis=1), kind="stable")]

    def to_dict(self) -> dict[str, Any]:
        """The figures, as JSON holds them."""
        names = ("accuracy", "weighted_f1", "macro_f1", "unknown_share", "known_accuracy")
        figures: dict[str, Any] = {name: getattr(self, name) for name in names}
        return figures | {
            "num_recordings": len(self.clips.recordings),
            "unknown_below": UNKNOWN_BELOW,
            "confusion": self.confusion.tolist(),
            "confounds": None if self.probe is None else asdict(self.probe),
        }


def evaluate_student(
    student: Student,
    held_out: LabelledRecordings,
    *,
    others: LabelledRecordings | None = None,
    extra: Mapping[Path, tuple[float, ...]] | None = None,
    store: FeatureStore | None = None,
    progress: bool = True,
) -> StudentEvaluation:
    """Has a student name recordings that it was not trained on.

    Each recording is heard once, as it is: no changed copy of it is made or counted.

    Args:
        student: a trained one.
        held_out: recordings of the student's species.
        others: recordings that it was trained on, for the confound probe, which learns from all.
        extra: as `prepare_clips`.
        store: where inputs are kept.
        progress: whether to show a bar.

    Raises:
        ValueError: the species are others, or no recording can be read.
    """
    if held_out.class_names != student.class_names:
        raise ValueError(
            f"Expected recordings of {', '.join(student.class_names)}, received those of "
            f"{', '.join(held_out.class_names)}."
        )
    clips = prepare_clips(held_out, student.hearing, extra=extra, store=store, progress=progress)
    logits = recording_means(predicted(student.network, clips), clips.recording_of)
    every = (*held_out, *(others or ()))
    probe = confound_probe(LabelledRecordings(held_out.class_names, every))
    return _measured(clips, logits, probe)


def clip_accuracy(student: Student, clips: StudentClips) -> float:
    """Share of clips that a student names rightly."""
    return float((predicted(student.network, clips).argmax(axis=1) == clips.primary).mean())


def _measured(
    clips: StudentClips, logits: np.ndarray, probe: ConfoundProbe | None
) -> StudentEvaluation:
    from sklearn.metrics import confusion_matrix, f1_score

    truth, said = clips.recordings.primary, logits.argmax(axis=1)
    every = np.arange(logits.shape[1])
    f1 = {
        kind: float(f1_score(truth, said, labels=np.unique(truth), average=kind, zero_division=0))
        for kind in ("weighted", "macro")
    }
    is_known = softmax(logits).max(axis=1) >= UNKNOWN_BELOW
    return StudentEvaluation(
        clips,
        logits,
        float((said == truth).mean()),
        f1["weighted"],
        f1["macro"],
        confusion_matrix(truth, said, labels=every),
        float(1 - is_known.mean()),
        float((said == truth)[is_known].mean()) if is_known.any() else float("nan"),
        probe,
    )
