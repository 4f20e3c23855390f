"""Losses on logits of several species at once; Keras' own, and the one it lacks."""

from __future__ import annotations

from typing import Literal

import keras
from keras import ops

SoundLoss = Literal["binary_cross_entropy", "cross_entropy", "focal", "soft_auc"]
SOUND_LOSSES: tuple[str, ...] = ("binary_cross_entropy", "cross_entropy", "focal", "soft_auc")


def sound_loss(name: SoundLoss, *, label_smoothing: float = 0.0) -> keras.losses.Loss:
    """A loss of labels float32 [batch, num_classes] in [0, 1] and logits [batch, num_classes].

    - "binary_cross_entropy": each species by itself; what the scores are used as.
    - "cross_entropy": softmax over the species, labels divided by their sum. The scores of a prediction are
      sigmoids all the same, which are no probabilities then.
    - "focal": as the first, easy examples counting less.
    - "soft_auc": `SoftAucLoss`.

    Args:
        name: which of them.
        label_smoothing: float in [0, 1), not of "soft_auc".

    Raises:
        ValueError: an unknown name.
    """
    losses = keras.losses
    if name == "binary_cross_entropy":
        return losses.BinaryCrossentropy(from_logits=True, label_smoothing=label_smoothing)
    if name == "cross_entropy":
        return OneOfSeveral(label_smoothing)
    if name == "focal":
        return losses.BinaryFocalCrossentropy(from_logits=True, label_smoothing=label_smoothing)
    if name == "soft_auc":
        return SoftAucLoss()
    raise ValueError(f"Expected a loss of {', '.join(SOUND_LOSSES)}, received {name!r}.")


@keras.saving.register_keras_serializable(package="fused_encoder")
class OneOfSeveral(keras.losses.Loss):
    """Cross-entropy over the species, where a clip may have several: labels are divided by their sum.

    Args:
        label_smoothing: float in [0, 1), the share that is given to all species alike.
    """

    def __init__(self, label_smoothing: float = 0.0, name: str = "one_of_several") -> None:
        super().__init__(name=name)
        self.label_smoothing = label_smoothing

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        labels = ops.cast(y_true, y_pred.dtype)
        shares = labels / ops.maximum(ops.sum(labels, axis=-1, keepdims=True), 1e-7)
        return keras.losses.categorical_crossentropy(
            shares, y_pred, from_logits=True, label_smoothing=self.label_smoothing
        )

    def get_config(self) -> dict[str, object]:
        return {"label_smoothing": self.label_smoothing, "name": self.name}


@keras.saving.register_keras_serializable(package="fused_encoder")
class SoftAucLoss(keras.losses.Loss):
    """Species by species, clips in which it sings above clips in which it does not; and some cross-entropy.

    The mean over all pairs of clips of a batch and a species, weighted by y_i (1 - y_j), of
    softplus(z_j - z_i), plus `cross_entropy_weight` times the binary cross-entropy, which holds the level
    that pairs leave free. AUROC counts the same pairs by steps.

    Args:
        cross_entropy_weight: float >= 0.

    Reference:
        Yan et al., "Optimizing classifier performance via an approximation to the
        Wilcoxon-Mann-Whitney statistic", 2003. Pairwise losses were shared in BirdCLEF 2025:
        https://www.kaggle.com/competitions/birdclef-2025/discussion/584034.
    """

    def __init__(self, cross_entropy_weight: float = 0.25, name: str = "soft_auc") -> None:
        super().__init__(name=name)
        self.cross_entropy_weight = cross_entropy_weight

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        labels = ops.cast(y_true, y_pred.dtype)
        weights = labels[:, None, :] * (1.0 - labels[None, :, :])
        behind = ops.softplus(y_pred[None, :, :] - y_pred[:, None, :])
        ranked = ops.sum(weights * behind) / ops.maximum(ops.sum(weights), 1e-7)
        crossed = keras.losses.binary_crossentropy(labels, y_pred, from_logits=True)
        return ranked + self.cross_entropy_weight * crossed

    def get_config(self) -> dict[str, object]:
        return {"cross_entropy_weight": self.cross_entropy_weight, "name": self.name}
