"""How far apart embeddings are, and sums over some of them: what the losses compare.

All take float32 and are finite, with finite gradients, for embeddings that coincide or lie opposite.
"""

from typing import Literal

import keras
from keras import ops

Distance = Literal["squared_euclidean", "euclidean", "cosine"]
DISTANCES = ("squared_euclidean", "euclidean", "cosine")
TINY = 1e-12  # a squared length or distance below this counts as none
NOTHING = -1e9  # what exp turns into 0


def pairwise_distances(
    anchors: keras.KerasTensor, references: keras.KerasTensor, distance: Distance
) -> keras.KerasTensor:
    """The distance of each anchor to each reference (both float32 [num, embedding_size]).

    Returns:
        float32 [num_anchors, num_references], at least 0; for unit vectors at most 4 (squared Euclidean),
        2 (Euclidean) and 2 (1 - cosine similarity).
    """
    if distance == "cosine":
        return 1.0 - pairwise_cosines(anchors, references)
    lengths = ops.sum(ops.square(anchors), axis=1)[:, None]
    reference_lengths = ops.sum(ops.square(references), axis=1)[None, :]
    squared = lengths + reference_lengths - 2.0 * ops.matmul(anchors, ops.transpose(references))
    return _of_squared(ops.maximum(squared, 0.0), distance)


def paired_distances(
    first: keras.KerasTensor, second: keras.KerasTensor, distance: Distance
) -> keras.KerasTensor:
    """The distance of each row of `first` to the same row of `second`, float32 [batch]."""
    if distance == "cosine":
        return 1.0 - ops.sum(unit_length(first) * unit_length(second), axis=-1)
    return _of_squared(ops.sum(ops.square(first - second), axis=-1), distance)


def pairwise_cosines(
    anchors: keras.KerasTensor, references: keras.KerasTensor
) -> keras.KerasTensor:
    """Cosine similarity of each anchor and each reference, float32 [num_anchors, num_references]."""
    return ops.matmul(unit_length(anchors), ops.transpose(unit_length(references)))


def unit_length(embeddings: keras.KerasTensor) -> keras.KerasTensor:
    """The embeddings scaled to unit length along the last axis; zeros stay zeros."""
    squared = ops.sum(ops.square(embeddings), axis=-1, keepdims=True)
    return embeddings * ops.rsqrt(ops.maximum(squared, TINY))


def masked_logsumexp(values: keras.KerasTensor, mask: keras.KerasTensor) -> keras.KerasTensor:
    """log(sum(exp(values))) over the entries of each row where the mask is true.

    From float32 [num_rows, num_columns], far above -1e9, to float32 [num_rows, 1]; about -1e9, with no
    gradient, for a row without any entry.
    """
    inside = ops.logsumexp(ops.where(mask, values, NOTHING), axis=1, keepdims=True)
    return ops.where(ops.any(mask, axis=1, keepdims=True), inside, NOTHING)


def _of_squared(squared: keras.KerasTensor, distance: Distance) -> keras.KerasTensor:
    """The root where it is asked for; a root's gradient is infinite at 0, ours is 0 there."""
    if distance == "squared_euclidean":
        return squared
    apart = squared > TINY
    return ops.where(apart, ops.sqrt(ops.where(apart, squared, 1.0)), 0.0)
