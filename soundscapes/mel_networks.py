"""Networks that look at spectrograms as if they were pictures, and keep what is when apart."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import keras
import numpy as np
from keras import ops

from fused_encoder.image_branch import named_network
from soundscapes.clip_scale import ClipScale
from soundscapes.pcen import Pcen
from soundscapes.photo_backbone import is_settled, settle_normalization, take_over_backbone

MEL = "mel"
"""Name of the front end whose frames are spectrogram rows, see `mel_front_end`."""
MEL_NETWORKS: tuple[str, ...] = (
    *("efficientnet_b0", "efficientnet_b3", "inception_v3", "resnet50", "densenet121"),
    *("mobilenet_v2", "small_cnn"),
)
ROWS_PER_MOMENT = 32
"""By which the pretrained networks shrink a picture; "small_cnn" by half as much."""
Loudness = Literal["decibel", "pcen"]
LOUDNESSES: tuple[str, ...] = ("decibel", "pcen")


def mel_features(
    rows: keras.KerasTensor,
    network: str,
    *,
    num_bands: int,
    loudness: Loudness,
    top_db: float,
    hop_seconds: float,
    weights: str | Path | None,
    dropout: float,
) -> keras.KerasTensor:
    """What a network makes of spectrogram rows, averaged over pitch, moment by moment.

    From float32 [batch, num_rows, size], decibels, to [batch, num_times, channels]; a moment is 32 rows for
    the pretrained networks, 16 for "small_cnn". Rows of several window lengths become the three channels
    of a picture, one is repeated.
    """
    layers = keras.layers
    if loudness == "pcen":
        scaled = Pcen(hop_seconds, name="loudness")(rows)
    else:
        scaled = ClipScale(top_db, name="loudness")(rows)
    picture = ToPicture(num_bands, name="picture")(scaled)
    if network == "small_cnn":
        seen = small_mel_network(num_bands)(picture)
    else:
        scaling, backbone, _ = named_network(network, weights, (None, None, 3))
        settle_normalization(backbone, is_pretrained=weights is not None)
        for layer in (*scaling, backbone):
            picture = layer(picture)
        seen = picture
    moments = OverPitch(name="over_pitch")(seen)
    return layers.Dropout(dropout, name="moment_dropout")(moments)


def num_bands(network: keras.Model) -> int | None:
    """The mel bands of a sound classifier's spectrograms, of each window length; None: of other frames."""
    pictures = [layer for layer in network.layers if isinstance(layer, ToPicture)]
    return pictures[0].num_bands if pictures else None


def is_pretrained(network: keras.Model) -> bool:
    """Whether a sound classifier holds a network that has learnt from photos, not yet from spectrograms."""
    return any(is_settled(layer) for layer in _backbones(network))


def take_over(network: keras.Model, rows: Iterable[np.ndarray], *, freeze_at: int = 3) -> None:
    """Makes a pretrained network ready to be trained on spectrograms, see `take_over_backbone`.

    Args:
        network: from `create_sound_classifier`, with weights.
        rows: batches of float32 [batch, num_rows, size], decibels.
        freeze_at: int >= 0, see `SoundTraining`.
    """
    (backbone,) = _backbones(network)
    before = network.layers[network.layers.index(backbone) - 1]
    as_pictures = keras.Model(network.input, before.output)
    pictures = (np.asarray(as_pictures(batch)) for batch in rows)
    take_over_backbone(backbone, pictures, freeze_at=freeze_at)


def _backbones(network: keras.Model) -> list[keras.Model]:
    return [layer for layer in network.layers if layer.name in MEL_NETWORKS]


def small_mel_network(num_bands: int) -> keras.Model:
    """Four convolutions, trained from scratch: picture [batch, bands, rows, 3] -> [batch, h, w, 128]."""
    layers = keras.layers
    picture = keras.Input((num_bands, None, 3))
    x = picture
    for stage, filters in enumerate((16, 32, 64, 128), start=1):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"stage{stage}_conv")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"stage{stage}_scaling")(x)
        x = layers.Activation("relu", name=f"stage{stage}_relu")(x)
        x = layers.MaxPooling2D(2, padding="same", name=f"stage{stage}_pool")(x)
    return keras.Model(picture, x, name="small_cnn")


@keras.saving.register_keras_serializable(package="fused_encoder")
class ToPicture(keras.layers.Layer):
    """Spectrogram rows as a picture: time from left to right, low pitch at the top, three channels.

    Zeros behind the last row fill the picture up to a multiple of 32 rows, so that networks that shrink it by
    32 or 16 leave moments that are all equally long.

    Args:
        num_bands: int >= 1, in a row for each window length; 1, 2 or 3 lengths.

    Input shape: float32 [batch, num_rows, num_bands * num_lengths].
    Output shape: float32 [batch, num_bands, num_rows, 3], rows rounded up to a multiple of 32.
    """

    def __init__(self, num_bands: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.num_bands = num_bands

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self._num_lengths, rest = divmod(input_shape[-1] or 0, self.num_bands)
        if rest or not 1 <= self._num_lengths <= 3:
            raise ValueError(
                f"Expected rows of {self.num_bands} bands for one, two or three window lengths, received "
                f"rows of {input_shape[-1]} numbers."
            )

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        batch, rows, size = ops.shape(inputs)
        behind = ops.zeros((batch, -rows % ROWS_PER_MOMENT, size), inputs.dtype)
        filled = ops.concatenate([inputs, behind], axis=1)
        shape = (batch, rows + -rows % ROWS_PER_MOMENT, self._num_lengths, self.num_bands)
        lengths = ops.reshape(filled, shape)
        channels = {1: (0, 0, 0), 2: (0, 1, 0), 3: (0, 1, 2)}[self._num_lengths]
        return ops.transpose(ops.take(lengths, channels, axis=2), (0, 3, 1, 2))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        rows = input_shape[1]
        return (input_shape[0], self.num_bands, rows and rows + -rows % ROWS_PER_MOMENT, 3)

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "num_bands": self.num_bands}


@keras.saving.register_keras_serializable(package="fused_encoder")
class OverPitch(keras.layers.Layer):
    """The mean and the maximum over pitch, added: [batch, h, w, channels] -> [batch, w, channels].

    Reference: Kong et al., "PANNs", 2020, https://arxiv.org/abs/1912.10211 (there over time).
    """

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        return ops.mean(inputs, axis=1) + ops.max(inputs, axis=1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], *input_shape[2:])
