"""Clip scale: rows in decibels to numbers in [0, 1], each clip by its own loudest moment."""

from __future__ import annotations

import keras
from keras import ops

from soundscapes.mel_settings import SILENCE_DB


@keras.saving.register_keras_serializable(package="fused_encoder")
class ClipScale(keras.layers.Layer):
    """Floors each clip `top_db` below its own maximum, and scales it to [0, 1].

    As `librosa.power_to_db(power, ref=np.max, top_db=top_db)` of each clip alone, divided by `top_db` and
    plus 1: what is beside a clip in its batch does not matter. Rows of all zeros are padding: they do not
    count for the maximum and become 0, the floor. So does a clip of nothing but silence.

    Args:
        top_db: float > 0, decibels between 0 and 1.

    Input shape:
        float32 [batch, num_rows, size], decibels.
    Output shape:
        float32, the same, in [0, 1]; the loudest number of each clip is 1.
    Raises:
        ValueError: `top_db` is not above 0.
    """

    def __init__(self, top_db: float = 80.0, **kwargs: object) -> None:
        kwargs.setdefault("dtype", "float32")  # under mixed precision too
        super().__init__(**kwargs)
        if not top_db > 0:
            raise ValueError(f"Expected top_db > 0, received {top_db}.")
        self.top_db = top_db

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        is_row = ops.any(ops.not_equal(inputs, 0), axis=-1, keepdims=True)
        heard = ops.where(is_row, inputs, SILENCE_DB)
        loudest = ops.max(heard, axis=(1, 2), keepdims=True)
        scaled = ops.clip(1 + (heard - loudest) / self.top_db, 0, 1)
        is_sound = ops.logical_and(is_row, loudest > SILENCE_DB + 0.1)
        return ops.where(is_sound, scaled, 0.0)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "top_db": self.top_db}
