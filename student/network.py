"""`create_student`: three convolutions, an attention and the 18 features, to a logit for each species."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers, ops

from soundscapes.clip_scale import ClipScale
from student.attention import attended
from student.features import FEATURE_NAMES
from student.hearing import StudentHearing

FEATURE_SCALING = "feature_scaling"
"""Name of the `Normalization` that `distil_student` adapts to the training clips."""
SOUND_SUMMARY = "summary"
"""Name of the layer that holds all the student knows of a clip before it names species: [batch, 96]."""
PUBLISHED_PARAMETERS = 38_518
"""Trained numbers of the student with its defaults and 10 species."""


def create_student(
    num_classes: int,
    hearing: StudentHearing | None = None,
    *,
    channels: Sequence[int] = (16, 32, 64),
    feature_sizes: tuple[int, int] = (128, 32),
    hidden_size: int = 64,
    num_extra: int = 0,
    top_db: float = 80.0,
    dropouts: tuple[float, float] = (0.3, 0.2),
) -> keras.Model:
    """The published student: small enough for a phone or a buoy.

    With 10 species it has the published 38,518 trained numbers:

    | part | numbers |
    |---|---:|
    | 3 x 3 convolutions with bias, 1 to 16 to 32 to 64 channels | 160 + 4,640 + 18,496 |
    | their batch normalisations | 32 + 64 + 128 |
    | attention of channels, 64 to 8 to 64 with biases | 1,096 |
    | attention of places, 7 x 7 on 2 channels without bias, and its batch normalisation | 98 + 2 |
    | 18 features to 128, layer normalisation, to 32 | 2,432 + 256 + 4,128 |
    | 64 + 32 to 64, layer normalisation | 6,208 + 128 |
    | 64 to 10 species | 650 |

    The publication says the convolutions, the ratio 8:1, the 7 x 7 and the sum; sizes of the two last
    parts are ours to fit it. Running means, which are not trained, are not counted, nor is the scaling of
    the features.

    Args:
        num_classes: int >= 2, species.
        hearing: whose clips it takes. Default: `StudentHearing()`.
        channels: ints >= 1, of each convolution; more or fewer are a deeper or shallower student.
        feature_sizes: two ints >= 1, of the features' branch.
        hidden_size: int >= 1, of the head.
        num_extra: int >= 0, further numbers about a clip, such as depth or hour, see `Surroundings`.
        top_db: float > 0, each clip is heard from its own loudest moment down to so many decibels less.
        dropouts: two floats in [0, 1), before the head's first and second layer.

    Returns:
        A `keras.Model` named `student`. Inputs `mel` float32 [batch, num_rows, num_bands] in decibels and
        `features` float32 [batch, 18] as they are: both are scaled inside. With `num_extra` a third,
        `extra` float32 [batch, num_extra], NaN where a number is missing. Output `logits` float32
        [batch, num_classes], of which the softmax is a probability.

    Raises:
        ValueError: an option is out of its range.

    Reference:
        Woo et al., CBAM: Convolutional Block Attention Module, 2018, https://arxiv.org/abs/1807.06521.
    Example:
        >>> create_student(10)([mel, features]).shape
        TensorShape([1, 10])
    """
    hearing = hearing or StudentHearing()
    _check(num_classes, (*channels, *feature_sizes, hidden_size), dropouts, num_extra)
    mel = keras.Input((hearing.num_rows, hearing.num_bands), name="mel")
    features = keras.Input((len(FEATURE_NAMES),), name="features")
    inputs, known = [mel, features], _described(features, feature_sizes)
    if num_extra:
        extra = keras.Input((num_extra,), name="extra")
        inputs.append(extra)
        known = layers.Concatenate(name="described")(
            [known, _surroundings(extra, feature_sizes[1])]
        )
    summary = layers.Concatenate(name=SOUND_SUMMARY)([_heard(mel, channels, top_db), known])
    hidden = layers.Dropout(dropouts[0], name="summary_dropout")(summary)
    hidden = layers.Dense(hidden_size, name="head")(hidden)
    hidden = layers.LayerNormalization(name="head_scaling")(hidden)
    hidden = layers.Activation("relu", name="hidden")(hidden)
    hidden = layers.Dropout(dropouts[1], name="hidden_dropout")(hidden)
    return keras.Model(inputs, layers.Dense(num_classes, name="logits")(hidden), name="student")


def num_trained(network: keras.Model) -> int:
    """How many numbers of a network training changes; running means and scalings are not among them."""
    return sum(int(ops.size(weight)) for weight in network.trainable_weights)


def _heard(mel: keras.KerasTensor, channels: Sequence[int], top_db: float) -> keras.KerasTensor:
    """[batch, rows, bands] -> [batch, channels]."""
    maps = ClipScale(top_db, name="mel_scaling")(mel)
    maps = layers.Reshape((*mel.shape[1:], 1), name="picture")(maps)
    for number, size in enumerate(channels, start=1):
        maps = layers.Conv2D(size, 3, padding="same", name=f"convolution_{number}")(maps)
        maps = layers.BatchNormalization(name=f"convolution_{number}_scaling")(maps)
        maps = layers.Activation("relu", name=f"convolution_{number}_relu")(maps)
        maps = layers.MaxPooling2D(padding="same", name=f"pool_{number}")(maps)
    return layers.GlobalAveragePooling2D(name="heard")(attended(maps))


def _described(features: keras.KerasTensor, sizes: tuple[int, int]) -> keras.KerasTensor:
    """[batch, 18] -> [batch, sizes[1]]."""
    scaled = layers.Normalization(name=FEATURE_SCALING)(features)
    hidden = layers.Dense(sizes[0], name="features_hidden")(scaled)
    hidden = layers.LayerNormalization(name="features_hidden_scaling")(hidden)
    hidden = layers.Activation("relu", name="features_hidden_relu")(hidden)
    return layers.Dense(sizes[1], "relu", name="features_known")(hidden)


def _surroundings(extra: keras.KerasTensor, size: int) -> keras.KerasTensor:
    """[batch, num_extra] with NaN -> [batch, size]."""
    told = Surroundings(name="surroundings")(extra)
    return layers.Dense(size, "relu", name="surroundings_known")(told)


@keras.saving.register_keras_serializable(package="fused_encoder")
class Surroundings(layers.Layer):
    """Numbers of which some are missing, standardised, and beside each whether it is there.

    Missing ones, NaN, become 0, the mean. `adapt(numbers)` finds mean and spread, as
    `keras.layers.Normalization` does, of those that are there.

    Input shape: float32 [batch, num_extra]. Output shape: float32 [batch, 2 * num_extra].
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        size = (input_shape[-1],)
        self.mean = self.add_weight(size, "zeros", trainable=False, name="mean")
        self.spread = self.add_weight(size, "ones", trainable=False, name="spread")

    def adapt(self, numbers: object) -> None:
        """Sets mean and spread to those of numbers [num_clips, num_extra] with NaN."""
        import numpy as np

        masked = np.ma.masked_invalid(np.asarray(numbers, np.float32))
        self.mean.assign(masked.mean(axis=0).filled(0.0))
        spread = masked.std(axis=0).filled(1.0)
        self.spread.assign(np.where(spread > 0, spread, 1.0))

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        is_missing = ops.isnan(inputs)
        scaled = ops.where(is_missing, 0.0, (inputs - self.mean) / self.spread)
        is_there = ops.cast(ops.logical_not(is_missing), scaled.dtype)
        return ops.concatenate([scaled, is_there], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], 2 * input_shape[-1])  # type: ignore[operator] # Dense needs it too


def _check(
    num_classes: int, sizes: Sequence[int], dropouts: Sequence[float], num_extra: int
) -> None:
    if num_classes < 2 or min(sizes) < 1 or num_extra < 0:
        raise ValueError(
            "Expected num_classes of at least 2 and sizes of at least 1, received "
            f"{num_classes} and {tuple(sizes)} (num_extra {num_extra})."
        )
    if not all(0 <= each < 1 for each in dropouts):
        raise ValueError(f"Expected dropouts in [0, 1), received {tuple(dropouts)}.")
