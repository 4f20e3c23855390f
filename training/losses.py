"""Losses: pull the positive nearer than the negative, by a margin."""

from __future__ import annotations

from typing import Literal

import keras
from keras import ops

Distance = Literal["squared_euclidean", "euclidean", "cosine"]
LossMining = Literal["hard", "semi-hard"]
DISTANCES = ("squared_euclidean", "euclidean", "cosine")
LOSS_MININGS = (None, "hard", "semi-hard")
FAR = 1e9  # farther than any two unit vectors


@keras.saving.register_keras_serializable(package="fused_encoder")
class TripletLoss(keras.losses.Loss):
    """max(0, distance(anchor, positive) - distance(anchor, negative) + margin).

    Over explicit triplets (the output of `create_triplet_model`) it takes them as they come, which
    is the published loss. With `mining` it looks for better ones among all members of the batch, by
    their labels, and each member is an anchor in its turn; it then also takes plain labelled
    embeddings. An anchor is never its own positive; anchors without a positive or without a negative
    count for nothing, and a batch without any anchor gives 0.

    Args:
        margin: float > 0, in units of `distance`. Default 0.2.
        mining: None takes the triplets as given. "hard" takes each anchor's farthest positive and
            nearest negative. "semi-hard" takes every positive, and with it the nearest negative that
            is farther than the positive, or where there is none the farthest negative.
        distance: "squared_euclidean" (default), "euclidean" or "cosine" (1 - cosine similarity), of
            unit vectors.

    Call:
        y_true: class indices, int [batch, 3] for triplets or [batch] for embeddings; not looked at
            without mining.
        y_pred: float32 [batch, 3, embedding_size] (anchor, positive, negative), or with mining also
            [batch, embedding_size]; unit length.

    Raises:
        ValueError: an option is out of range, or labelled embeddings come without mining.
    Reference:
        Schroff et al., "FaceNet", 2015, https://arxiv.org/abs/1503.03832 (the loss, semi-hard);
        Hermans et al., "In defense of the triplet loss", 2017, https://arxiv.org/abs/1703.07737
        (batch hard).
    """

    def __init__(
        self,
        margin: float = 0.2,
        *,
        mining: LossMining | None = None,
        distance: Distance = "squared_euclidean",
        name: str = "triplet_loss",
        **kwargs: object,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if margin <= 0:
            raise ValueError(f"Expected margin > 0, received {margin}.")
        if mining not in LOSS_MININGS:
            raise ValueError(f"Expected mining to be one of {LOSS_MININGS}, received {mining!r}.")
        if distance not in DISTANCES:
            raise ValueError(f"Expected distance to be one of {DISTANCES}, received {distance!r}.")
        self.margin = margin
        self.mining = mining
        self.distance = distance

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """The loss of each triplet [batch], or with mining of the batch, a scalar."""
        if self.mining is None:
            if len(y_pred.shape) != 3 or y_pred.shape[1] != 3:
                raise ValueError(
                    "Without mining, expected triplets [batch, 3, embedding_size], received "
                    f"{tuple(y_pred.shape)}. Use create_triplet_model, or pass mining='hard'."
                )
            return self._explicit(y_pred)
        embeddings = ops.reshape(y_pred, (-1, y_pred.shape[-1]))
        labels = ops.reshape(y_true, (-1,))
        return self._mined(labels, embeddings)

    def _explicit(self, triplets: keras.KerasTensor) -> keras.KerasTensor:
        anchor, positive, negative = (triplets[:, i] for i in range(3))
        to_positive = self._measure(ops.sum(anchor * positive, axis=-1))
        to_negative = self._measure(ops.sum(anchor * negative, axis=-1))
        return ops.relu(to_positive - to_negative + self.margin)

    def _mined(self, labels: keras.KerasTensor, embeddings: keras.KerasTensor) -> keras.KerasTensor:
        distances = self._measure(ops.matmul(embeddings, ops.transpose(embeddings)))
        same = ops.equal(labels[:, None], labels[None, :])
        is_positive = ops.logical_and(
            same, ops.logical_not(ops.eye(ops.shape(labels)[0], dtype="bool"))
        )
        is_negative = ops.logical_not(same)
        if self.mining == "hard":
            positive = ops.max(ops.where(is_positive, distances, -FAR), axis=1)
            negative = ops.min(ops.where(is_negative, distances, FAR), axis=1)
            valid = ops.logical_and(ops.any(is_positive, axis=1), ops.any(is_negative, axis=1))
        else:
            positive = distances
            negative = _semi_hard_negatives(distances, is_negative)
            valid = ops.logical_and(is_positive, ops.any(is_negative, axis=1)[:, None])
        losses = ops.where(valid, ops.relu(positive - negative + self.margin), 0.0)
        return ops.sum(losses) / ops.maximum(ops.sum(ops.cast(valid, losses.dtype)), 1.0)

    def _measure(self, cosine: keras.KerasTensor) -> keras.KerasTensor:
        if self.distance == "cosine":
            return 1.0 - cosine
        squared = ops.maximum(2.0 - 2.0 * cosine, 0.0)
        if self.distance == "squared_euclidean":
            return squared
        return ops.sqrt(squared + 1e-12)  # the gradient of a root is infinite at 0

    def get_config(self) -> dict[str, object]:
        """The arguments, as given."""
        return {
            **super().get_config(),
            "margin": self.margin,
            "mining": self.mining,
            "distance": self.distance,
        }


def _semi_hard_negatives(
    distances: keras.KerasTensor, is_negative: keras.KerasTensor
) -> keras.KerasTensor:
    """For each (anchor, positive) the distance of the semi-hard negative, float32 [batch, batch].

    Each anchor's negatives are sorted by distance; the first one beyond a positive is found by
    bisection, so that no [batch, batch, batch] array is made.
    """
    batch = ops.shape(distances)[0]
    ordered = ops.sort(ops.where(is_negative, distances, FAR), axis=1)
    num_negatives = ops.sum(ops.cast(is_negative, "int32"), axis=1, keepdims=True)
    low = ops.zeros_like(distances, dtype="int32")
    high = ops.zeros_like(low) + num_negatives
    for _ in range(16):  # batches are smaller than 2 ** 16
        middle = (low + high) // 2
        at_middle = ops.take_along_axis(ordered, ops.minimum(middle, batch - 1), axis=1)
        beyond = at_middle > distances
        open_range = low < high
        high = ops.where(ops.logical_and(open_range, beyond), middle, high)
        low = ops.where(ops.logical_and(open_range, ops.logical_not(beyond)), middle + 1, low)
    chosen = ops.minimum(low, ops.maximum(num_negatives - 1, 0))
    return ops.take_along_axis(ordered, chosen, axis=1)
