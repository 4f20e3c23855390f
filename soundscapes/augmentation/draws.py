"""What the steps draw: numbers that depend on the seed alone, a clip's own for each clip of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import tensorflow as tf

Seed: TypeAlias = Sequence[int] | tf.Tensor
"""Two integers, such as the seed of a run and the number of the batch."""

Batch = tuple[tf.Tensor, tf.Tensor]
"""Clips float32 [batch, ...] and their labels float32 [batch, num_classes] in [0, 1]."""


def seed_of(seed: Seed, step: int) -> tf.Tensor:
    """A seed of its own for each step that is named by a number, int64 [2]."""
    pair = tf.stack([tf.cast(part, tf.int64) for part in (seed[0], seed[1])])
    return tf.random.fold_in(pair, step)


def uniform(
    seed: Seed, step: int, batch_of: tf.Tensor, low: float = 0.0, high: float = 1.0
) -> tf.Tensor:
    """float32 [batch], one number in [low, high) for each clip."""
    shape = tf.shape(batch_of)[:1]
    return low + (high - low) * tf.random.stateless_uniform(shape, seed_of(seed, step))


def is_drawn(seed: Seed, step: int, batch_of: tf.Tensor, probability: float) -> tf.Tensor:
    """Whether a step is taken with a clip, bool [batch]."""
    return uniform(seed, step, batch_of) < probability


def partners(seed: Seed, step: int, batch_of: tf.Tensor) -> tf.Tensor:
    """int32 [batch], for each clip the place of another one; its own in a batch of one."""
    batch = tf.shape(batch_of)[0]
    draw = tf.random.stateless_uniform([], seed_of(seed, step))
    steps = 1 + tf.cast(draw * tf.cast(tf.maximum(batch - 1, 0), tf.float32), tf.int32)
    return (tf.range(batch) + steps) % tf.maximum(batch, 1)


def each(values: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """Values [batch] as [batch, 1, ...], to be used with the clips `like`."""
    return tf.reshape(values, [-1, *[1] * (len(like.shape) - 1)])


def is_row(frames: tf.Tensor) -> tf.Tensor:
    """Whether a frame is one, and not padding, which is all zeros: bool [batch, num_frames, 1]."""
    return tf.reduce_any(frames != 0, axis=-1, keepdims=True)


def check_probability(probability: float) -> None:
    """Refuses what is not in [0, 1]."""
    if not 0 <= probability <= 1:
        raise ValueError(f"Expected a probability in [0, 1], received {probability}.")


def check_range(name: str, value: float, least: float, most: float) -> None:
    """Refuses what is not in [least, most]."""
    if not least <= value <= most:
        raise ValueError(f"Expected {name} in [{least:g}, {most:g}], received {value}.")
