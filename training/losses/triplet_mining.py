"""Which triplets of a batch a triplet loss learns from: one way a function.

Each takes the distances of anchors to references, float32 [num_anchors, num_references], and the masks
of positive and negative pairs, bool of that shape, and returns `MinedTriplets`; but `sum_over_all_triplets`,
which makes no list of its triplets.
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
    """Of each anchor all positives, each with the nearest negative that is farther, else the farthest."""
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


def sum_over_all_triplets(
    distances: keras.KerasTensor,
    is_positive: keras.KerasTensor,
    is_negative: keras.KerasTensor,
    margin: float,
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The sum of max(0, to_positive - to_negative + margin), and how many triplets are above 0.

    For a positive at distance p the triplets above 0 are those with a negative nearer than p + margin.
    With an anchor's negatives in ascending order these are the first c, and their sum is
    c * (p + margin) - (sum of the first c distances): memory O(batch²) for O(batch³) triplets.

    Args:
        distances: float32 [num_anchors, num_references].
        is_positive: bool, of that shape.
        is_negative: bool, of that shape.
        margin: float > 0, in units of `distances`.

    Returns:
        Two float32 [num_anchors]: sum and number of an anchor's triplets above 0.
    """
    ordered = _negatives_in_order(distances, is_negative)
    sums = ops.cumsum(ops.where(ordered < FAR, ordered, 0.0), axis=1)
    sums = ops.pad(sums, ((0, 0), (1, 0)))  # the sum of the first 0, 1, 2, ...
    limits = distances + margin
    num_nearer = tf.searchsorted(ordered, limits, side="left")
    counts = ops.cast(num_nearer, "float32")
    totals = counts * limits - tf.gather(sums, num_nearer, batch_dims=1)
    return (
        ops.sum(ops.where(is_positive, totals, 0.0), axis=1),
        ops.sum(ops.where(is_positive, counts, 0.0), axis=1),
    )


def _negatives_in_order(
    distances: keras.KerasTensor, is_negative: keras.KerasTensor
) -> keras.KerasTensor:
    """Each anchor's distances to its negatives, ascending, `FAR` after the last."""
    return ops.sort(ops.where(is_negative, distances, FAR), axis=1)


def _nearest_beyond(
    limits: keras.KerasTensor, distances: keras.KerasTensor, is_negative: keras.KerasTensor
) -> keras.KerasTensor:
    """For each limit [num_anchors, k] the least distance to a negative above it, or the greatest one."""
    ordered = _negatives_in_order(distances, is_negative)
    position = tf.searchsorted(ordered, limits, side="right")
    num_negatives = ops.sum(ops.cast(is_negative, "int32"), axis=1, keepdims=True)
    position = ops.minimum(position, ops.maximum(num_negatives - 1, 0))
    return tf.gather(ordered, position, batch_dims=1)


def _any_of_row(mask: keras.KerasTensor) -> keras.KerasTensor:
    return ops.any(mask, axis=1, keepdims=True)
