"""Contrastive loss: positives to one point, negatives a margin apart."""

from __future__ import annotations

import keras
from keras import ops

from training.losses.distances import DISTANCES, Distance, pairwise_distances
from training.losses.pair_loss import (
    ComparedPairs,
    PairLoss,
    num_true,
    require_choice,
    require_positive,
    shares_of_mean,
)


@keras.saving.register_keras_serializable(package="fused_encoder")
class ContrastiveLoss(PairLoss):
    """½ d² over positive pairs, and ½ max(0, margin - d)² over negative pairs.

    Positive pairs are averaged by themselves and negative pairs by themselves, and the two means are
    added: in a batch of many classes negative pairs are many times as many, and would rule. An anchor
    without a negative still counts for its positives, and the other way round.

    Args:
        margin: float > 0, in units of `distance`; negatives farther apart cost nothing. Default 1.0
            (unit vectors at 60 degrees, for "euclidean").
        distance: d: "euclidean" (default, as published), "squared_euclidean" or "cosine".
        name: str, of the loss in the logs.
        reduction: as in `keras.losses.Loss`.

    Call:
        As in `PairLoss`.
    Raises:
        ValueError: an option is out of range, or labels and embeddings do not fit.
    Reference:
        Hadsell et al., "Dimensionality reduction by learning an invariant mapping", 2006,
        https://doi.org/10.1109/CVPR.2006.100 (a sum over all pairs; the two means are ours).
    """

    margin: float
    distance: Distance

    def __init__(
        self,
        margin: float = 1.0,
        *,
        distance: Distance = "euclidean",
        name: str = "contrastive_loss",
        reduction: str | None = "sum_over_batch_size",
    ) -> None:
        require_positive(margin=margin)
        require_choice("distance", distance, DISTANCES)
        super().__init__(name=name, reduction=reduction, margin=margin, distance=distance)

    def compare(self, pairs: ComparedPairs) -> keras.KerasTensor:
        """See `PairLoss.compare`."""
        distances = pairwise_distances(pairs.anchors, pairs.references, self.distance)
        together = 0.5 * ops.square(distances)
        apart = 0.5 * ops.square(ops.relu(self.margin - distances))
        return _mean_where(pairs.is_positive, together) + _mean_where(pairs.is_negative, apart)


def _mean_where(mask: keras.KerasTensor, losses: keras.KerasTensor) -> keras.KerasTensor:
    return shares_of_mean(ops.sum(ops.where(mask, losses, 0.0), axis=1), num_true(mask))
