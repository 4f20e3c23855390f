"""Which triplets of a batch a triplet loss learns from: one way a function.

Each takes the distances of anchors to references, float32 [num_anchors, num_references], and the masks
of positive and negative pairs, bool of that shape, and returns `MinedTriplets`.
"""

from __future__ import annotations

from typing import NamedTuple

import keras
import tensorflow as tf
from keras import ops

FAR = 1e9  # farther than any two embeddings


class MinedTriplets(NamedTuple):
    """The distances that the chosen triplets compare, k for each anchor.

    Attributes:
        to_positive: float32 [num_anchors, k].
        to_negative: float32 [num_anchors, k].
        is_valid: bool [num_anchors, k]; where False, there is no such triplet.
    """

    to_positive: keras.KerasTensor
    to_negative: keras.KerasTensor
    is_valid: keras.KerasTensor


def hard_triplets(
    distances: keras.KerasTensor, is_positive: keras.KerasTensor, is_negative: keras.KerasTensor
) -> MinedTriplets:
    """Of each anchor the farthest positive and the nearest negative."""
    return MinedTriplets(
        ops.max(ops.where(is_positive, distances, -FAR), axis=1, keepdims=True),
        ops.min(ops.where(is_negative, distances, FAR), axis=1, keepdims=True),
        _any_of_row(is_positive) & _any_of_row(is_negative),
    )


def semi_hard_triplets(
    distances: keras.KerasTensor, is_positive: keras.KerasTensor, is_negative: keras.KerasTensor
) -> MinedTriplets:
    """Of each anchor all positives, each with the nearest negative that is farther than it.

    Where no negative is farther, the farthest one is taken.
    """
    return MinedTriplets(
        distances,
        _nearest_beyond(distances, distances, is_negative),
        is_positive & _any_of_row(is_negative),
    )


def easy_positive_triplets(
    distances: keras.KerasTensor, is_positive: keras.KerasTensor, is_negative: keras.KerasTensor
) -> MinedTriplets:
    """Of each anchor the nearest positive only, with the negative that is semi-hard for it."""
    nearest = ops.min(ops.where(is_positive, distances, FAR), axis=1, keepdims=True)
    return MinedTriplets(
        nearest,
        _nearest_beyond(nearest, distances, is_negative),
        _any_of_row(is_positive) & _any_of_row(is_negative),
    )


def negatives_in_order(
    distances: keras.KerasTensor, is_negative: keras.KerasTensor
) -> keras.KerasTensor:
    """Each anchor's distances to its negatives, ascending, `FAR` after the last."""
    return ops.sort(ops.where(is_negative, distances, FAR), axis=1)


def _nearest_beyond(
    limits: keras.KerasTensor, distances: keras.KerasTensor, is_negative: keras.KerasTensor
) -> keras.KerasTensor:
    """For each limit [num_anchors, k] the least distance to a negative above it, or the greatest one.

    A search in each anchor's ordered negatives, so that no array of all triplets is made.
    """
    ordered = negatives_in_order(distances, is_negative)
    position = tf.searchsorted(ordered, limits, side="right")
    num_negatives = ops.sum(ops.cast(is_negative, "int32"), axis=1, keepdims=True)
    position = ops.minimum(position, ops.maximum(num_negatives - 1, 0))
    return tf.gather(ordered, position, batch_dims=1)


def _any_of_row(mask: keras.KerasTensor) -> keras.KerasTensor:
    return ops.any(mask, axis=1, keepdims=True)
