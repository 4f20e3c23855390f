"""Cuts: which part of a recording a network hears."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from soundscapes.augmentation.draws import (
    Batch,
    Seed,
    check_probability,
    check_range,
    is_drawn,
    uniform,
)
from soundscapes.augmentation.waveforms import later, num_samples_of


@dataclass(frozen=True, kw_only=True)
class RandomCrop:
    """A part of each waveform, from anywhere in its sound; what is shorter is padded with zeros.

    Args:
        num_samples: int >= 1, of the part.

    Raises:
        ValueError: `num_samples` is below 1.
    """

    num_samples: int

    def __post_init__(self) -> None:
        check_range("num_samples", self.num_samples, 1, float("inf"))

    def __call__(self, waveforms: tf.Tensor, labels: tf.Tensor, seed: Seed) -> Batch:
        """Waveforms float32 [batch, any] -> [batch, num_samples], and labels."""
        room = tf.maximum(num_samples_of(waveforms) - self.num_samples, 0)
        starts = _part_of(room + 1, uniform(seed, 0, waveforms))
        return later(waveforms, starts, self.num_samples), labels


@dataclass(frozen=True, kw_only=True)
class RemoveStart:
    """Takes a beginning of each waveform away, and pads its end with zeros.

    In collections a recording often begins with its song: without this a network that hears beginnings
    learns that songs stand at the beginning.

    Args:
        most: float in [0, 0.9], the longest beginning, as a share of the sound; drawn evenly.
        probability: float in [0, 1], with which a clip is changed.

    Raises:
        ValueError: a number is out of range.
    """

    most: float = 0.3
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_range("most", self.most, 0, 0.9)
        check_probability(self.probability)

    def __call__(self, waveforms: tf.Tensor, labels: tf.Tensor, seed: Seed) -> Batch:
        """Waveforms float32 [batch, num_samples] and labels, varied."""
        share = uniform(seed, 0, waveforms, 0.0, self.most)
        share = tf.where(is_drawn(seed, 1, waveforms, self.probability), share, 0.0)
        starts = _part_of(num_samples_of(waveforms), share)
        return later(waveforms, starts, tf.shape(waveforms)[1]), labels


def _part_of(num_samples: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    # In double precision: hours of samples are more than float32 counts.
    part = tf.cast(num_samples, tf.float64) * tf.cast(share, tf.float64)
    return tf.cast(part, tf.int32)
