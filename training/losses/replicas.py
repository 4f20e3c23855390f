"""What the replicas of a `tf.distribute` strategy tell each other, so that a loss sees the global batch."""

from __future__ import annotations

import keras
import tensorflow as tf


def gather_own_first(
    labels: keras.KerasTensor, embeddings: keras.KerasTensor
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The items of all replicas, beginning with this replica's own; gradients flow back to each.

    Without a strategy, the items as they are.

    Args:
        labels: int32 [num_items, 1 + num_sources], this replica's.
        embeddings: float32 [num_items, embedding_size], this replica's.

    Returns:
        Labels int32 [num_items_of_all, 1 + num_sources] and embeddings float32
        [num_items_of_all, embedding_size].
    """
    context = _context_of_several()
    if context is None:
        return labels, embeddings
    num_items = context.all_gather(tf.shape(labels)[:1], axis=0)
    num_before = tf.reduce_sum(num_items[: context.replica_id_in_sync_group])
    gathered = context.all_gather(labels, axis=0), context.all_gather(embeddings, axis=0)
    return tf.roll(gathered[0], -num_before, axis=0), tf.roll(gathered[1], -num_before, axis=0)


def mean_over_replicas(value: keras.KerasTensor) -> keras.KerasTensor:
    """The mean of a scalar over all replicas; the value itself without a strategy."""
    context = _context_of_several()
    return value if context is None else context.all_reduce(tf.distribute.ReduceOp.MEAN, value)


def _context_of_several() -> tf.distribute.ReplicaContext | None:
    context = tf.distribute.get_replica_context()  # None outside `strategy.run`
    return context if context is not None and context.num_replicas_in_sync > 1 else None
