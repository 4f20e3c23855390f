"""Mixtures of spectrograms: two recordings after each other, or at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from soundscapes.augmentation.draws import (
    Batch,
    Seed,
    check_probability,
    check_range,
    each,
    is_drawn,
    is_row,
    partners,
    seed_of,
    uniform,
)
from soundscapes.mel_settings import SILENCE_DB


@dataclass(frozen=True, kw_only=True)
class TimeCutMix:
    """Puts a stretch of another clip in the place of the same stretch of each clip: all pitches of it.

    Labels are mixed by what each clip holds of the frames that are sound. A rectangle of a spectrogram, as
    CutMix cuts pictures, would be a bird with half of its pitches. For the frames of any front end.

    Args:
        most: float in [0, 1], the longest stretch, as a share of the clip; drawn evenly.
        probability: float in [0, 1], with which a clip is changed.

    Raises:
        ValueError: a number is out of range.
    Reference:
        Yun et al., CutMix, 2019, https://arxiv.org/abs/1905.04899 (here along time alone).
    """

    most: float = 0.5
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_range("most", self.most, 0, 1)
        check_probability(self.probability)

    def __call__(self, frames: tf.Tensor, labels: tf.Tensor, seed: Seed) -> Batch:
        """Frames float32 [batch, num_frames, size] and labels, mixed."""
        other = partners(seed, 0, frames)
        whole = tf.cast(tf.shape(frames)[1], tf.float32)
        long = tf.round(uniform(seed, 1, frames) * self.most * whole)
        long = tf.where(is_drawn(seed, 3, frames, self.probability), long, 0.0)
        start = tf.floor(uniform(seed, 2, frames) * (whole - long + 1))
        place = tf.range(whole)
        is_other = (place >= start[:, None]) & (place < (start + long)[:, None])
        is_sound = is_row(frames)[..., 0]
        num_kept, num_new = (
            tf.reduce_sum(tf.cast(part, tf.float32), axis=1)
            for part in (is_sound & ~is_other, tf.gather(is_sound, other) & is_other)
        )
        share = tf.math.divide_no_nan(num_new, num_kept + num_new)
        mixed = tf.where(is_other[..., None], tf.gather(frames, other), frames)
        return mixed, _shared(labels, tf.gather(labels, other), share)


@dataclass(frozen=True, kw_only=True)
class SpectrogramMixup:
    """Adds another clip to each, as a microphone would: by power, not by decibels.

    The other clip is first brought to the mean power of the clip; then `(1 - share) * own + share * other`
    of the powers, and of the labels likewise: so a share of the label is a share of the sound, and a clip
    keeps its level. (A mean of decibels, as Mixup makes of pictures, is a sound that does not exist: a call
    over silence would lose half of its decibels. `keras.layers.MixUp` takes images of four dimensions and
    leaves [batch, bands, time] as it is.)

    Args:
        alpha: float > 0, of the Beta distribution that shares are drawn from: the smaller, the nearer to
            0 or 1.
        probability: float in [0, 1], with which a clip is changed.

    Raises:
        ValueError: a number is out of range.
    Reference:
        Zhang et al., mixup: Beyond empirical risk minimization, 2018, https://arxiv.org/abs/1710.09412
    """

    alpha: float = 0.2
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_range("alpha", self.alpha, 0.01, 100)
        check_probability(self.probability)

    def __call__(self, frames: tf.Tensor, labels: tf.Tensor, seed: Seed) -> Batch:
        """Rows in decibels, float32 [batch, num_rows, size], and labels, mixed."""
        other = partners(seed, 0, frames)
        is_mixed = is_drawn(seed, 1, frames, self.probability)
        share = tf.where(is_mixed, self._drawn(seed, frames), 0.0)
        own = tf.where(is_row(frames), tf.pow(10.0, frames / 10), 0.0)  # 0 is padding alone
        num_rows = tf.reduce_sum(tf.cast(is_row(frames), tf.float32), axis=[1, 2])
        mean = tf.math.divide_no_nan(tf.reduce_sum(own, axis=[1, 2]), num_rows)
        level = tf.math.divide_no_nan(mean, tf.gather(mean, other))
        power = each(1 - share, own) * own + each(share * level, own) * tf.gather(own, other)
        decibels = tf.math.log(tf.maximum(power, 10 ** (SILENCE_DB / 10))) * (10 / np.log(10))
        mixed = tf.where(power > 0, decibels, 0.0)
        frames = tf.where(each(share, frames) > 0, mixed, frames)
        return frames, _shared(labels, tf.gather(labels, other), share)

    def _drawn(self, seed: Seed, frames: tf.Tensor) -> tf.Tensor:
        """From the Beta distribution, as the ratio of two draws of Gamma."""
        one, two = (
            tf.random.stateless_gamma(tf.shape(frames)[:1], seed_of(seed, step), self.alpha)
            for step in (2, 3)
        )
        return tf.math.divide_no_nan(one, one + two)


def _shared(labels: tf.Tensor, others: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    labels, others = tf.cast(labels, tf.float32), tf.cast(others, tf.float32)
    return labels + share[:, None] * (others - labels)
