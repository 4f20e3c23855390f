"""Pseudo-labels: what a teacher hears in unlabelled soundscapes, sharpened, as labels for its student."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from soundscapes.classifier import SoundClassifier
from soundscapes.clips import whole_clips
from triplets.prepared import PreparedFile

SHARPENING = 1 / 0.6
BATCH_SIZE = 32


@dataclass(frozen=True)
class Stretch:
    """A clip of a stored recording."""

    file: PreparedFile
    start: int
    end: int

    def feature(self) -> np.ndarray:
        """Its frames, float [num_frames, size]."""
        return self.file.feature()[self.start : self.end]


@dataclass(frozen=True)
class PseudoLabelled:
    """Stretches of soundscapes with the scores that a teacher gave them.

    Attributes:
        stretches: of a clip's length each.
        labels: float32 [num_stretches, num_classes], sharpened scores.
        share: float in [0, 1), of all clips in training that are drawn from these.
    """

    stretches: tuple[Stretch, ...]
    labels: np.ndarray
    share: float

    def chances(self) -> np.ndarray:
        """How often each is drawn, by the sum of its labels: float64 [num_stretches], adding up to 1."""
        weights = self.labels.sum(axis=1, dtype=np.float64)
        return weights / weights.sum()


def pseudo_label(
    teachers: Sequence[SoundClassifier],
    soundscapes: Sequence[PreparedFile],
    *,
    min_score: float = 0.1,
    sharpening: float = SHARPENING,
    share: float = 0.5,
) -> PseudoLabelled:
    """Scores every stretch of unlabelled soundscapes by the mean of the teachers.

    Scores become labels p ** sharpening, which takes most from those of which the teachers are unsure. A
    stretch is kept if any score is at least `min_score`, and drawn by the sum of its labels.

    Args:
        teachers: classifiers of one front end, clip length and order of species.
        soundscapes: their stored frames, from `prepare_media`; their class is not looked at.
        min_score: float in (0, 1).
        sharpening: float >= 1. Default 1 / 0.6.
        share: float in [0, 1), see `PseudoLabelled`.

    Raises:
        ValueError: an option is out of range, or the teachers differ.
    Reference:
        Xie et al., "Self-training with noisy student", 2020, https://arxiv.org/abs/1911.04252; with powers of
        the scores, over several rounds, it is customary in BirdCLEF.
    """
    if not (0 < min_score < 1 and sharpening >= 1 and 0 <= share < 1):
        raise ValueError(
            "Expected min_score in (0, 1), sharpening of at least 1 and share in [0, 1), received "
            f"{min_score}, {sharpening} and {share}."
        )
    if len({(t.front_end.fingerprint, t.clip_frames, t.class_names) for t in teachers}) != 1:
        raise ValueError("Expected teachers of one front end, clip length and list of species.")
    clip_frames = teachers[0].clip_frames
    stretches: list[Stretch] = []
    labels: list[np.ndarray] = []
    for file in soundscapes:
        scores = _mean_scores(teachers, whole_clips(file.feature(), clip_frames))
        for number in (scores.max(axis=1) >= min_score).nonzero()[0]:
            end = min((int(number) + 1) * clip_frames, len(file.feature()))
            stretches.append(Stretch(file, max(0, end - clip_frames), end))
            labels.append(scores[number] ** sharpening)
    empty = np.zeros((0, len(teachers[0].class_names)), np.float32)
    return PseudoLabelled(
        tuple(stretches), np.stack(labels).astype(np.float32) if labels else empty, share
    )


def _mean_scores(teachers: Sequence[SoundClassifier], clips: np.ndarray) -> np.ndarray:
    """float64 [num_clips, num_classes]."""
    each = [
        np.concatenate(
            [
                teacher.logits(clips[start : start + BATCH_SIZE])
                for start in range(0, len(clips), BATCH_SIZE)
            ]
        )
        for teacher in teachers
    ]
    return np.mean([1.0 / (1.0 + np.exp(-logits.astype(np.float64))) for logits in each], axis=0)
