"""Heads on a frozen front end: from its frames to a logit for each species and moment."""

from __future__ import annotations

import math
from collections.abc import Callable

import keras
from keras import ops

HEADS: tuple[str, ...] = ("linear", "mlp", "attention", "prototypes")
FRAME_SCALING = "frame_scaling"
"""Name of the `Normalization` that `train_sound_classifier` adapts to its recordings."""

_ATTENTION_HEADS = 4


def head_features(
    frames: keras.KerasTensor,
    present: keras.KerasTensor,
    head: str,
    *,
    hidden_size: int,
    dropout: float,
) -> keras.KerasTensor:
    """What a head makes of the frames before its last layer.

    Frames are standardised, number by number, to what training recordings have: float32
    [batch, num_frames, size] -> [batch, num_frames, size or hidden_size].

    - "linear" and "prototypes" take them as they are;
    - "mlp" has one hidden layer, each frame alone;
    - "attention" has each frame look at the others of its clip (a transformer's layer, before which
      frames are brought to `hidden_size`).
    """
    layers = keras.layers
    scaled = layers.Normalization(name=FRAME_SCALING)(frames)
    scaled = layers.Dropout(dropout, name="frame_dropout")(scaled)
    if head in ("linear", "prototypes"):
        return scaled
    hidden = layers.Dense(hidden_size, "gelu", name="hidden")(scaled)
    if head == "attention":
        context = layers.MultiHeadAttention(
            _ATTENTION_HEADS, max(hidden_size // _ATTENTION_HEADS, 1), name="context"
        )(hidden, hidden, attention_mask=layers.Reshape((1, -1), name="context_mask")(present))
        hidden = layers.LayerNormalization(name="context_scaling")(
            layers.Add(name="in_context")([hidden, context])
        )
    return layers.Dropout(dropout, name="hidden_dropout")(hidden)


def moment_layer(head: str | None, num_classes: int, name: str) -> Callable:
    """The last layer: features [batch, num_times, size] -> logits [batch, num_times, num_classes].

    Its weights begin at zero: of few recordings random ones would never be unlearnt where no recording lies.
    Its biases begin where one species of `num_classes` is likely: from 0.5 for each, hundreds of steps would
    teach nothing but that most species are silent.

    Reference: Lin et al., "Focal loss for dense object detection", 2017, section 3.3,
    https://arxiv.org/abs/1708.02002.
    """
    if head == "prototypes":
        return Prototypes(num_classes, name=name)
    at_chance = keras.initializers.Constant(-math.log(num_classes - 1))
    return keras.layers.Dense(
        num_classes, kernel_initializer="zeros", bias_initializer=at_chance, name=name
    )


@keras.saving.register_keras_serializable(package="fused_encoder")
class Prototypes(keras.layers.Layer):
    """How similar each frame is to a learnt prototype of each species.

    logit = scale * (cosine(frame, prototype) - bias of the species). Few recordings of a species suffice
    for a direction, and a frame far from all prototypes is nobody's.

    Args:
        num_classes: int >= 1.
        scale: float > 0, at the beginning; it is learnt.

    Input shape: float32 [batch, num_times, size]. Output shape: float32 [batch, num_times, num_classes].
    Reference:
        Snell et al., "Prototypical networks for few-shot learning", 2017,
        https://arxiv.org/abs/1703.05175 (here cosines, and prototypes that are trained).
    """

    def __init__(self, num_classes: int, scale: float = 16.0, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.num_classes, self.scale = num_classes, scale

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = (input_shape[-1], self.num_classes)
        self.prototypes = self.add_weight(shape, "glorot_uniform", name="prototypes")
        constant = keras.initializers.Constant
        self.log_scale = self.add_weight((), constant(float(ops.log(self.scale))), name="log_scale")
        self.bias = self.add_weight((self.num_classes,), constant(0.3), name="bias")

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        frames = ops.normalize(inputs, axis=-1)
        cosines = ops.matmul(frames, ops.normalize(self.prototypes, axis=0))
        return ops.exp(self.log_scale) * (cosines - self.bias)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.num_classes)

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "num_classes": self.num_classes, "scale": self.scale}
