"""Triplet loss: the positive nearer than the negative, by a margin."""

from typing import Literal

import keras
import tensorflow as tf
from keras import ops

from training.losses.distances import DISTANCES, Distance, paired_distances, pairwise_distances
from training.losses.pair_loss import (
    ComparedPairs,
    PairLoss,
    any_of_row,
    mean_where,
    require_choice,
    require_positive,
    shares_of_mean,
)

LossMining = Literal["all", "hard", "semi-hard", "easy-positive"]
LOSS_MININGS = (None, "all", "hard", "semi-hard", "easy-positive")
FAR = 1e9  # farther than any two embeddings


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
        **kwargs: as in `PairLoss`.

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
    """

    OPTIONS = ("margin", "mining", "distance")

    def __init__(
        self,
        margin: float = 0.2,
        *,
        mining: LossMining | None = None,
        distance: Distance = "squared_euclidean",
        **kwargs: str | None,
    ) -> None:
        super().__init__(**kwargs)
        require_positive(margin=margin)
        require_choice("mining", mining, LOSS_MININGS)
        require_choice("distance", distance, DISTANCES)
        self.margin, self.mining, self.distance = margin, mining, distance

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
        distances = pairwise_distances(pairs.anchors, pairs.references, self.distance)
        to_negatives = ops.sort(ops.where(pairs.is_negative, distances, FAR), axis=1)
        if self.mining == "all":
            return _mean_over_all(distances, pairs.is_positive, to_negatives, self.margin)
        to_positive, is_valid = distances, pairs.is_positive & any_of_row(pairs.is_negative)
        if self.mining != "semi-hard":
            choose, absent = (ops.max, -FAR) if self.mining == "hard" else (ops.min, FAR)
            masked = ops.where(pairs.is_positive, distances, absent)
            to_positive, is_valid = choose(masked, axis=1, keepdims=True), pairs.has_both()
        to_negative = (
            to_negatives[:, :1]
            if self.mining == "hard"
            else _nearest_beyond(to_positive, to_negatives, pairs.is_negative)
        )
        return mean_where(is_valid, ops.relu(to_positive - to_negative + self.margin))


def _mean_over_all(
    distances: keras.KerasTensor,
    is_positive: keras.KerasTensor,
    to_negatives: keras.KerasTensor,
    margin: float,
) -> keras.KerasTensor:
    """The mean of max(0, to_positive - to_negative + margin) over triplets where it is above 0.

    For a positive at distance p these are the triplets with a negative nearer than p + margin. With an
    anchor's negatives in ascending order they are the first c, and their sum is
    c * (p + margin) - (sum of the first c distances): memory O(batch²) for O(batch³) triplets.
    """
    sums = ops.cumsum(ops.where(to_negatives < FAR, to_negatives, 0.0), axis=1)
    sums = ops.pad(sums, ((0, 0), (1, 0)))  # the sum of the first 0, 1, 2, ...
    limits = distances + margin
    num_nearer = tf.searchsorted(to_negatives, limits, side="left")
    counts = ops.cast(num_nearer, "float32")
    totals = counts * limits - tf.gather(sums, num_nearer, batch_dims=1)
    of_positives = (ops.where(is_positive, values, 0.0) for values in (totals, counts))
    return shares_of_mean(*(ops.sum(values, axis=1) for values in of_positives))


def _nearest_beyond(
    limits: keras.KerasTensor, to_negatives: keras.KerasTensor, is_negative: keras.KerasTensor
) -> keras.KerasTensor:
    """For each limit [num_anchors, k] the least distance to a negative above it, or the greatest one."""
    position = tf.searchsorted(to_negatives, limits, side="right")
    num_negatives = ops.sum(ops.cast(is_negative, "int32"), axis=1, keepdims=True)
    position = ops.minimum(position, ops.maximum(num_negatives - 1, 0))
    return tf.gather(to_negatives, position, batch_dims=1)
