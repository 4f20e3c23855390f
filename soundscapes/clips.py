"""Clips: stretches of stored recordings in batches for `fit`, another stretch in each epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

    from soundscapes.augmentation.augmentation import Augmentation

Sampling = Literal["class_balanced", "square_root", "by_file"]
SAMPLINGS: dict[str, float] = {"class_balanced": 1.0, "square_root": 0.5, "by_file": 0.0}


class StoredFrames(Protocol):
    """A recording, or a stretch of one, whose frames are stored."""

    def feature(self) -> np.ndarray:
        """Float [num_frames, size]."""


def clip_batches(
    recordings: Sequence[StoredFrames],
    labels: np.ndarray,
    *,
    clip_frames: int,
    batch_size: int,
    chances: np.ndarray | None = None,
    augmentation: Augmentation | None = None,
    seed: int = 0,
) -> tf.data.Dataset:
    """Batches of random clips without end: (frames, labels) as `fit` takes them.

    A recording is drawn, and of it a clip that starts anywhere. Shorter ones are filled up with frames of
    zeros.

    Args:
        recordings: with stored frames, from `prepare_media`.
        labels: float32 [num_recordings, num_classes], in [0, 1].
        clip_frames: int >= 1.
        batch_size: int >= 1.
        chances: float [num_recordings], how often each is drawn, adding up to 1, see `drawing_chances`.
            Default: all equally often.
        augmentation: what is changed in each batch; None: nothing.
        seed: the same seed gives the same batches.

    Returns:
        A dataset of frames float32 [batch, clip_frames, size] and labels float32 [batch, num_classes].

    Raises:
        ValueError: there are no recordings, or other numbers of labels.
    """
    import tensorflow as tf

    if not recordings or len(recordings) != len(labels):
        raise ValueError(
            f"Expected labels for at least one recording, received {len(recordings)} recordings and "
            f"{len(labels)} rows of labels."
        )
    size = recordings[0].feature().shape[1]

    def draw() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        rng = np.random.default_rng(seed)
        while True:
            place = rng.choice(len(recordings), p=chances)
            yield random_clip(recordings[place].feature(), clip_frames, rng), labels[place]

    clips = tf.data.Dataset.from_generator(
        draw,
        output_signature=(
            tf.TensorSpec([clip_frames, size], tf.float32),
            tf.TensorSpec([labels.shape[1]], tf.float32),
        ),
    )
    batches = clips.batch(batch_size)
    if augmentation is not None:
        batches = batches.enumerate().map(
            lambda number, batch: augmentation.augment_frames(batch[0], batch[1], (seed, number))
        )
    return batches.prefetch(2)


def drawing_chances(classes: np.ndarray, sampling: Sampling) -> np.ndarray:
    """How often each recording is drawn: 1 / (recordings of its main species) ** exponent.

    Args:
        classes: int [num_recordings], the main species.
        sampling: "class_balanced", "square_root" or "by_file": the exponent is 1, 0.5 or 0.

    Returns:
        float64 [num_recordings], adding up to 1.
    """
    weights = np.bincount(classes)[classes] ** -SAMPLINGS[sampling]
    return weights / weights.sum()


def random_clip(frames: np.ndarray, clip_frames: int, rng: np.random.Generator) -> np.ndarray:
    """A clip that starts anywhere: [num_frames, size] -> float32 [clip_frames, size]."""
    start = rng.integers(max(len(frames) - clip_frames, 0) + 1)
    return _filled(frames[start : start + clip_frames], clip_frames)


def whole_clips(frames: np.ndarray, clip_frames: int) -> np.ndarray:
    """All of a recording as clips one after another, the last one ending with it.

    From [num_frames, size] to float32 [num_clips, clip_frames, size]; one that is shorter than a clip is
    filled up with frames of zeros.
    """
    num_clips = max(1, math.ceil(len(frames) / clip_frames))
    last = max(len(frames) - clip_frames, 0)
    starts = [min(number * clip_frames, last) for number in range(num_clips)]
    return np.stack([_filled(frames[start : start + clip_frames], clip_frames) for start in starts])


def _filled(frames: np.ndarray, clip_frames: int) -> np.ndarray:
    filled = np.zeros((clip_frames, frames.shape[1]), np.float32)
    filled[: len(frames)] = frames
    return filled
