"""Mixtures of waveforms: birds that sing at the same time."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from soundscapes.augmentation.draws import (
    Batch,
    Seed,
    check_probability,
    check_range,
    is_drawn,
    partners,
    seed_of,
    uniform,
)
from soundscapes.augmentation.waveforms import mean_power


@dataclass(frozen=True, kw_only=True)
class WaveformMixup:
    """Adds another recording to each; the labels become those of both: both can be heard.

    The other recording is brought to the same mean power, and the two are added by a share of the power
    that is drawn evenly, so that the level stays (where the two have nothing in common, as recordings have).

    Args:
        least: float in (0, 0.5], the smallest share of the power that either has: 0.2 is 6 dB below the
            other.
        probability: float in [0, 1], with which a clip is changed.

    Raises:
        ValueError: a number is out of range.
    Reference:
        Winners of BirdCLEF take the union of labels, where mixup mixes them by share
        (https://arxiv.org/abs/1710.09412).
    """

    least: float = 0.2
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_range("least", self.least, 0.001, 0.5)
        check_probability(self.probability)

    def __call__(self, waveforms: tf.Tensor, labels: tf.Tensor, seed: Seed) -> Batch:
        """Waveforms float32 [batch, num_samples] and labels, mixed."""
        other = partners(seed, 0, waveforms)
        share = uniform(seed, 1, waveforms, self.least, 1 - self.least)
        is_mixed = is_drawn(seed, 2, waveforms, self.probability)
        return _mixed(waveforms, labels, other, tf.where(is_mixed, share, 0.0))


@dataclass(frozen=True, kw_only=True)
class AddSameSpecies:
    """Adds another recording of the same species, where the batch has one: a chorus, one label.

    As `WaveformMixup`, with a recording of the batch that shares a species with the clip.

    Args:
        least: float in (0, 0.5], the smallest share of the power that either has.
        probability: float in [0, 1], with which a clip is changed.

    Raises:
        ValueError: a number is out of range.
    """

    least: float = 0.2
    probability: float = 0.3

    def __post_init__(self) -> None:
        check_range("least", self.least, 0.001, 0.5)
        check_probability(self.probability)

    def __call__(self, waveforms: tf.Tensor, labels: tf.Tensor, seed: Seed) -> Batch:
        """Waveforms float32 [batch, num_samples] and labels, mixed."""
        batch = tf.shape(waveforms)[0]
        present = tf.cast(labels >= 0.5, tf.float32)
        is_shared = tf.matmul(present, present, transpose_b=True) > 0
        is_shared &= ~tf.eye(batch, dtype=tf.bool)
        draws = tf.random.stateless_uniform([batch, batch], seed_of(seed, 0))
        other = tf.argmax(tf.where(is_shared, draws, -1.0), axis=1, output_type=tf.int32)
        share = uniform(seed, 1, waveforms, self.least, 1 - self.least)
        is_mixed = is_drawn(seed, 2, waveforms, self.probability)
        is_mixed &= tf.reduce_any(is_shared, axis=1)
        return _mixed(waveforms, labels, other, tf.where(is_mixed, share, 0.0))


def _mixed(waveforms: tf.Tensor, labels: tf.Tensor, other: tf.Tensor, share: tf.Tensor) -> Batch:
    """Shares of power; the union of labels where something was added."""
    power = mean_power(waveforms)
    level = tf.sqrt(tf.math.divide_no_nan(power, tf.gather(power, other)))
    added = (tf.sqrt(share) * level)[:, None] * tf.gather(waveforms, other)
    is_heard = (share * level)[:, None] > 0
    kept = tf.where(is_heard, tf.sqrt(1 - share)[:, None], 1.0) * waveforms
    both = tf.maximum(labels, tf.gather(labels, other))
    return kept + added, tf.where(is_heard, both, labels)
