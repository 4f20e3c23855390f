"""From moments to a recording: how what is heard now and then becomes one answer for the whole."""

from __future__ import annotations

from typing import Literal

import keras
from keras import ops

Pooling = Literal["attention", "max", "mean", "log_sum_exp", "noisy_or"]
POOLINGS: tuple[str, ...] = ("attention", "max", "mean", "log_sum_exp", "noisy_or")
_NOWHERE = -1e9


@keras.saving.register_keras_serializable(package="fused_encoder")
class PresentFrames(keras.layers.Layer):
    """Which frames of a clip are sound: those that are not all zeros, which are padding.

    Input shape: float32 [batch, num_frames, size]. Output shape: float32 [batch, num_frames], 0 or 1.
    """

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        return ops.cast(ops.any(ops.not_equal(inputs, 0), axis=-1), "float32")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return tuple(input_shape[:-1])


@keras.saving.register_keras_serializable(package="fused_encoder")
class PoolMoments(keras.layers.Layer):
    """One logit per species of a clip, from those of its moments.

    A label says that a species sings in a recording, not when. So the loss is taken of the pooled
    logits, and what the moments say is learnt by the way. With p the sigmoid of a moment's logit z:

    - "attention": sum of w z, w = softmax over time of a learnt weight, one per species;
    - "max": the largest z; "mean": the mean of z;
    - "log_sum_exp": log of the mean of exp(z), between the two;
    - "noisy_or": the logit of 1 - product of (1 - p): it sings if it sings at any moment.

    Args:
        pooling: which of them.

    Call arguments:
        inputs: float32 [batch, num_times, num_classes], logits.
        present: float32 [batch, num_times], 0 for moments that are padding; None: all are sound.
        attention: float32 [batch, num_times, num_classes], for "attention" only.
    Output shape:
        float32 [batch, num_classes], logits.
    Reference:
        McFee et al., "Adaptive pooling operators for weakly labeled sound event detection", 2018,
        https://arxiv.org/abs/1804.10070. Attention: Kong et al., "PANNs", 2020,
        https://arxiv.org/abs/1912.10211 (theirs weighs probabilities; logits keep their gradient).
    """

    def __init__(self, pooling: Pooling = "attention", **kwargs: object) -> None:
        super().__init__(**kwargs)
        if pooling not in POOLINGS:
            raise ValueError(f"Expected pooling of {', '.join(POOLINGS)}, received {pooling!r}.")
        self.pooling = pooling

    def call(
        self,
        inputs: keras.KerasTensor,
        present: keras.KerasTensor | None = None,
        attention: keras.KerasTensor | None = None,
    ) -> keras.KerasTensor:
        logits = ops.cast(inputs, "float32")
        there = ops.ones_like(logits[..., :1]) if present is None else present[..., None]
        hidden = (1.0 - there) * _NOWHERE
        number = ops.maximum(ops.sum(there, axis=1), 1.0)
        if self.pooling == "attention":
            if attention is None:
                raise ValueError("Pooling by attention needs `attention`, received None.")
            weights = ops.softmax(ops.cast(attention, "float32") + hidden, axis=1)
            return ops.sum(weights * logits, axis=1)
        if self.pooling == "max":
            return ops.max(logits + hidden, axis=1)
        if self.pooling == "mean":
            return ops.sum(logits * there, axis=1) / number
        if self.pooling == "log_sum_exp":
            return ops.logsumexp(logits + hidden, axis=1) - ops.log(number)
        # -log of the probability that it sings at no moment; log(1 - p) is -softplus(z)
        never = ops.maximum(ops.sum(ops.softplus(logits) * there, axis=1), 1e-7)
        return never + ops.log(-ops.expm1(-never))

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...], *_: object
    ) -> tuple[int | None, ...]:
        return (input_shape[0], input_shape[-1])

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "pooling": self.pooling}
