"""The contract of all losses that compare items of a batch by their labels."""

from __future__ import annotations

from abc import ABC, abstractmethod

import keras
from keras import ops

from training.losses.pair_masks import flatten_members, mean_over_members, pair_masks
from training.losses.replicas import gather_own_first, mean_over_replicas


class PairLoss(keras.losses.Loss, ABC):
    """A Keras loss over labelled embeddings: each item of the batch is an anchor in its turn.

    A positive pair is two items of one class; a negative pair is two items of two classes. Items that
    share a file (a source id) are neither, and no item is its own positive. What is computed is
    float32, also in mixed precision. Where the batch holds nothing to compare, the loss is 0 and its
    gradient is zero.

    Under a `tf.distribute` strategy each replica's items are the anchors and those of all replicas the
    references: the loss is that of the global batch, as in one process.

    A loss is finished by `compare`; what to compare is found here.

    Args:
        name: str, of the loss in the logs.
        reduction: as in `keras.losses.Loss`; the default averages over the batch.

    Call:
        y_true: int [batch] class indices, or [batch, 1 + num_sources] class index and source ids (-1:
            none or unknown). For triplets [batch, 3] or [batch, 3, 1 + num_sources].
        y_pred: float [batch, embedding_size]; or [batch, 3, embedding_size] triplets, whose members
            are pooled.
        sample_weight: optional float [batch], the weight of each entry as an anchor.
    Raises:
        ValueError: labels and embeddings do not fit.
    """

    def __init__(self, *, name: str, reduction: str | None = "sum_over_batch_size") -> None:
        super().__init__(name=name, reduction=reduction, dtype="float32")

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """The losses [batch], of which Keras takes the mean."""
        labels, embeddings = flatten_members(y_true, y_pred)
        reference_labels, references = gather_own_first(labels, embeddings)
        losses = self.compare(embeddings, references, *pair_masks(labels, reference_labels))
        return mean_over_members(losses, y_pred)

    @abstractmethod
    def compare(
        self,
        anchors: keras.KerasTensor,
        references: keras.KerasTensor,
        is_positive: keras.KerasTensor,
        is_negative: keras.KerasTensor,
    ) -> keras.KerasTensor:
        """Each anchor's loss against the references.

        Args:
            anchors: float32 [num_anchors, embedding_size].
            references: float32 [num_references, embedding_size].
            is_positive: bool [num_anchors, num_references].
            is_negative: bool [num_anchors, num_references].

        Returns:
            float32 [num_anchors], whose mean is the loss; see `shares_of_mean`.
        """


def shares_of_mean(totals: keras.KerasTensor, counts: keras.KerasTensor) -> keras.KerasTensor:
    """What each anchor contributes, so that the mean over anchors is sum(totals) / sum(counts).

    Args:
        totals: float32 [num_anchors], the sum of an anchor's terms.
        counts: float32 [num_anchors], how many terms an anchor has.

    Returns:
        float32 [num_anchors]; zeros where no anchor has any term. Under a `tf.distribute` strategy the
        sums are over the anchors of all replicas, whose means Keras averages.
    """
    num_anchors = mean_over_replicas(ops.cast(ops.shape(totals)[0], "float32"))
    num_terms = mean_over_replicas(ops.sum(counts))
    return totals * (num_anchors * ops.divide_no_nan(1.0, num_terms))


def has_both(is_positive: keras.KerasTensor, is_negative: keras.KerasTensor) -> keras.KerasTensor:
    """Which anchors have a positive and a negative, bool [num_anchors]."""
    return ops.any(is_positive, axis=1) & ops.any(is_negative, axis=1)


def num_true(mask: keras.KerasTensor) -> keras.KerasTensor:
    """How many of each row are true, float32 [num_anchors]."""
    return ops.sum(ops.cast(mask, "float32"), axis=1)
