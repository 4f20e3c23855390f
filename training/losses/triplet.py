"""Triplet loss: the positive nearer than the negative, by a margin."""

from __future__ import annotations

from typing import Literal

import keras
from keras import ops

from training.losses.distances import DISTANCES, Distance, paired_distances, pairwise_distances
from training.losses.pair_loss import (
    ComparedPairs,
    PairLoss,
    num_true,
    require_choice,
    require_positive,
    shares_of_mean,
)
from training.losses.triplet_mining import (
    easy_positive_triplets,
    hard_triplets,
    semi_hard_triplets,
    sum_over_all_triplets,
)

LossMining = Literal["all", "hard", "semi-hard", "easy-positive"]
MINERS = {
    "hard": hard_triplets,
    "semi-hard": semi_hard_triplets,
    "easy-positive": easy_positive_triplets,
}
LOSS_MININGS = (None, "all", *MINERS)


@keras.saving.register_keras_serializable(package="fused_encoder")
class TripletLoss(PairLoss):
    """max(0, distance(anchor, positive) - distance(anchor, negative) + margin).

    Explicit triplets (the output of `create_triplet_model`) are taken as they come, which is the
    published loss. With `mining` better ones are looked for among all members of the batch, by their
    labels; it then also takes plain labelled embeddings. Anchors without a positive or without a
    negative count for nothing.

    Args:
        margin: float > 0, in units of `distance`. Default 0.2.
        mining: None takes the triplets as given. Otherwise, for each anchor:

            - "all": every positive with every negative. The mean is over the triplets whose loss is
              above 0, so the loss falls slowly, while fewer and fewer triplets are left.
            - "hard": the farthest positive and the nearest negative.
            - "semi-hard": every positive, and with it the nearest negative that is farther than the
              positive, or where there is none the farthest negative.
            - "easy-positive": the nearest positive only, with its semi-hard negative. A class may
              then stay in several clusters (a bird's two plumages) that need not meet.
        distance: "squared_euclidean" (default), "euclidean" or "cosine" (1 - cosine similarity);
            embeddings have unit length.
        name: str, of the loss in the logs.
        reduction: as in `keras.losses.Loss`.

    Call:
        y_true: labels as in `PairLoss`; not looked at without mining.
        y_pred: float [batch, 3, embedding_size] (anchor, positive, negative), or with mining also
            [batch, embedding_size].

    Raises:
        ValueError: an option is out of range, or labelled embeddings come without mining.
    Reference:
        Schroff et al., "FaceNet", 2015, https://arxiv.org/abs/1503.03832 (the loss, semi-hard);
        Hermans et al., "In defense of the triplet loss", 2017, https://arxiv.org/abs/1703.07737
        (hard, there "batch hard"; all, there "batch all" averaged over non-zero terms);
        Xuan et al., "Improved embeddings with easy positive triplet mining", 2020,
        https://arxiv.org/abs/1904.04370 (the choice of triplets they call EPSHN; their loss is a
        softmax over cosines, ours keeps the margin).
    Example:
        >>> model.compile("adam", TripletLoss(margin=0.2, mining="semi-hard"))
    """

    margin: float
    mining: LossMining | None
    distance: Distance

    def __init__(
        self,
        margin: float = 0.2,
        *,
        mining: LossMining | None = None,
        distance: Distance = "squared_euclidean",
        name: str = "triplet_loss",
        reduction: str | None = "sum_over_batch_size",
    ) -> None:
        require_positive(margin=margin)
        require_choice("mining", mining, LOSS_MININGS)
        require_choice("distance", distance, DISTANCES)
        options = {"margin": margin, "mining": mining, "distance": distance}
        super().__init__(name=name, reduction=reduction, **options)

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """The losses [batch], of which Keras takes the mean."""
        if self.mining is not None:
            return super().call(y_true, y_pred)
        if len(y_pred.shape) != 3 or y_pred.shape[1] != 3:
            raise ValueError(
                "Without mining, expected triplets [batch, 3, embedding_size], received "
                f"{tuple(y_pred.shape)}. Use create_triplet_model, or pass mining='hard'."
            )
        anchor, positive, negative = (ops.cast(y_pred[:, i], "float32") for i in range(3))
        to_positive = paired_distances(anchor, positive, self.distance)
        to_negative = paired_distances(anchor, negative, self.distance)
        return ops.relu(to_positive - to_negative + self.margin)

    def compare(self, pairs: ComparedPairs) -> keras.KerasTensor:
        """See `PairLoss.compare`; it is what `mining` does."""
        if self.mining is None:
            raise ValueError("Expected a loss with mining; pass TripletLoss(mining='semi-hard').")
        distances = pairwise_distances(pairs.anchors, pairs.references, self.distance)
        if self.mining == "all":
            return shares_of_mean(
                *sum_over_all_triplets(distances, pairs.is_positive, pairs.is_negative, self.margin)
            )
        mined = MINERS[self.mining](distances, pairs.is_positive, pairs.is_negative)
        losses = ops.relu(mined.to_positive - mined.to_negative + self.margin)
        totals = ops.sum(ops.where(mined.is_valid, losses, 0.0), axis=1)
        return shares_of_mean(totals, num_true(mined.is_valid))
