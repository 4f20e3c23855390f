"""Masks: a stretch of time or of pitch that the network does not get to hear."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from soundscapes.augmentation.draws import Batch, Seed, check_range, is_row, uniform
from soundscapes.mel_settings import SILENCE_DB


@dataclass(frozen=True, kw_only=True)
class TimeMask:
    """Makes one stretch of frames of each clip padding: all zeros, as every network here takes it.

    For the frames of any front end.

    Args:
        most: float in [0, 1], the longest stretch, as a share of the clip; the length is drawn evenly.

    Raises:
        ValueError: `most` is out of range.
    Reference:
        Park et al., SpecAugment, 2019, https://arxiv.org/abs/1904.08779
    """

    most: float = 0.2

    def __post_init__(self) -> None:
        check_range("most", self.most, 0, 1)

    def __call__(self, frames: tf.Tensor, labels: tf.Tensor, seed: Seed) -> Batch:
        """Frames float32 [batch, num_frames, size] and labels, varied."""
        is_masked = _stretch(seed, frames, tf.shape(frames)[1], self.most)
        return tf.where(is_masked[..., None], 0.0, frames), labels


@dataclass(frozen=True, kw_only=True)
class FrequencyMask:
    """Silences one stretch of neighbouring bands of each clip (-100 dB).

    Args:
        most: float in [0, 1], the broadest stretch, as a share of the bands; drawn evenly.
        num_bands: int, of a window length, where a row holds several: the same bands of all are masked.
            None: a row has one.

    Raises:
        ValueError: `most` is out of range.
    Reference:
        Park et al., SpecAugment, 2019, https://arxiv.org/abs/1904.08779
    """

    most: float = 0.1
    num_bands: int | None = None

    def __post_init__(self) -> None:
        check_range("most", self.most, 0, 1)

    def __call__(self, frames: tf.Tensor, labels: tf.Tensor, seed: Seed) -> Batch:
        """Rows in decibels, float32 [batch, num_rows, size], and labels, varied."""
        size = frames.shape[-1]
        num_bands = self.num_bands or size
        is_masked = _stretch(seed, frames, num_bands, self.most)
        is_masked = tf.tile(is_masked, [1, size // num_bands])[:, None]
        return tf.where(is_masked & is_row(frames), SILENCE_DB, frames), labels


def _stretch(seed: Seed, batch_of: tf.Tensor, length: int | tf.Tensor, most: float) -> tf.Tensor:
    """One stretch of neighbours, at most a share of the length, anywhere in it: bool [batch, length]."""
    whole = tf.cast(length, tf.float32)
    longest = tf.floor(most * whole + 1e-4)
    long = tf.floor(uniform(seed, 0, batch_of) * (longest + 1))
    start = tf.floor(uniform(seed, 1, batch_of) * (whole - long + 1))
    place = tf.range(whole)
    return (place >= start[:, None]) & (place < (start + long)[:, None])
