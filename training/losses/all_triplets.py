"""The sum over every triplet of a batch, in the memory of its pairs."""

from __future__ import annotations

import keras
import tensorflow as tf
from keras import ops

from training.losses.triplet_mining import FAR, negatives_in_order


def sum_over_all_triplets(
    distances: keras.KerasTensor,
    is_positive: keras.KerasTensor,
    is_negative: keras.KerasTensor,
    margin: float,
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The sum of max(0, to_positive - to_negative + margin), and how many triplets are above 0.

    For a positive at distance p the triplets above 0 are those with a negative nearer than p + margin.
    With an anchor's negatives in ascending order these are the first c, and their sum is
    c * (p + margin) - (sum of the first c distances): a search and a cumulative sum. Time is
    O(batch² log batch) and memory O(batch²), though there are O(batch³) triplets.

    Args:
        distances: float32 [num_anchors, num_references].
        is_positive: bool, of that shape.
        is_negative: bool, of that shape.
        margin: float > 0, in units of `distances`.

    Returns:
        Two float32 [num_anchors]: sum and number of an anchor's triplets above 0.
    """
    ordered = negatives_in_order(distances, is_negative)
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
