"""Mel spectrograms in the graph: from a waveform to rows of log-mel power, also as an audio front end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from fused_encoder.front_ends.contract import AudioFrontEnd
from soundscapes.mel_settings import SILENCE_DB, MelScale, MelSettings

ROWS_PER_BATCH = 2048
_LEAST_POWER = 10 ** (SILENCE_DB / 10)
_DB_PER_NEPER = 10 / np.log(10)


@keras.saving.register_keras_serializable(package="fused_encoder")
class MelSpectrogram(keras.layers.Layer):
    """Rows of a mel spectrogram, in decibels, of a batch of waveforms.

    The same as `librosa.power_to_db(librosa.feature.melspectrogram(...), top_db=None)` of each waveform
    alone. No row is floored or scaled: `ClipScale` does that, clip by clip, where
    `keras.layers.MelSpectrogram(top_db=...)` floors by the loudest clip of the batch.

    Args:
        padding: "same": rows are centred on every hop from the first sample to the last, with zeros
            beyond the ends (librosa's `center=True`): 5 s give the published 313. "valid": only rows
            that lie within the waveform.
        sample_rate_hz: this and the others are those of `MelSettings`.

    Input shape:
        float32 [batch, num_samples], mono, amplitude in [-1, 1].
    Output shape:
        float32 [batch, num_rows, num_bands * len(fft_lengths)], decibels, at least -100 (silence). The
        bands of a window length follow each other from low to high.
    Raises:
        ValueError: as `MelSettings`; or a band would hold no frequency.
    Reference:
        McFee et al., librosa: Audio and music signal analysis in Python, 2015.
    Example:
        >>> MelSpectrogram()(np.zeros((1, 160_000), np.float32)).shape
        TensorShape([1, 313, 128])
    """

    def __init__(
        self,
        *,
        padding: Literal["same", "valid"] = "same",
        sample_rate_hz: int = 32_000,
        num_bands: int = 128,
        fft_lengths: Sequence[int] = (2048,),
        hop_samples: int = 512,
        min_hz: float = 20.0,
        max_hz: float | None = None,
        mel_scale: MelScale = "slaney",
        **kwargs: object,
    ) -> None:
        kwargs.setdefault("dtype", "float32")  # under mixed precision too
        super().__init__(**kwargs)
        if padding not in ("same", "valid"):
            raise ValueError(f"Expected padding 'same' or 'valid', received {padding!r}.")
        self.padding = padding
        self.settings = MelSettings(
            sample_rate_hz=sample_rate_hz,
            num_bands=num_bands,
            fft_lengths=tuple(fft_lengths),
            hop_samples=hop_samples,
            min_hz=min_hz,
            max_hz=max_hz,
            mel_scale=mel_scale,
        )
        self._band_weights = {n: self.settings.band_weights(n) for n in self.settings.fft_lengths}

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        if self.padding == "same":
            half = self.settings.window_samples // 2
            inputs = tf.pad(inputs, [[0, 0], [half, half]])
        scales = [self._mel_power(inputs, length) for length in self.settings.fft_lengths]
        power = tf.concat(scales, axis=-1)
        return _DB_PER_NEPER * tf.math.log(tf.maximum(power, _LEAST_POWER))

    def _mel_power(self, waveforms: tf.Tensor, fft_length: int) -> tf.Tensor:
        """Shorter windows leave out as much at both ends: so all have their centres in common."""
        margin = (self.settings.window_samples - fft_length) // 2
        inner = waveforms[:, margin : tf.shape(waveforms)[1] - margin] if margin else waveforms
        frames = tf.signal.frame(inner, fft_length, self.settings.hop_samples)
        spectrum = tf.signal.rfft(frames * tf.signal.hann_window(fft_length))
        power = tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))
        return tf.matmul(power, self._band_weights[fft_length])

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, num_samples = input_shape
        num_rows = None
        if num_samples is not None:
            beyond = 0 if self.padding == "same" else self.settings.window_samples
            num_rows = max(1 + (num_samples - beyond) // self.settings.hop_samples, 0)
        return (batch, num_rows, self.settings.size)

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "padding": self.padding, **asdict(self.settings)}


def mel_front_end(settings: MelSettings | None = None) -> AudioFrontEnd:
    """A mel spectrogram as an audio front end: each frame is a row.

    So `prepare_media(files, mel_front_end())` makes the spectrograms of whole recordings once, in the
    store of features. They are kept as float16, within 0.032 dB.

    Args:
        settings: default: the published ones.

    Raises:
        ValueError: a band would hold no frequency.

    Example:
        >>> front_end = mel_front_end(MelSettings(fft_lengths=(1024, 2048)))
        >>> front_end(waveform).shape  # 5 s at 32 kHz; the last row is filled up with zeros
        (310, 256)
    """
    settings = MelSettings() if settings is None else settings
    layer = MelSpectrogram(padding="valid", **asdict(settings))
    return AudioFrontEnd(
        name="mel",
        sample_rate_hz=settings.sample_rate_hz,
        window_seconds=settings.window_samples / settings.sample_rate_hz,
        hop_seconds=settings.hop_samples / settings.sample_rate_hz,
        embedding_size=settings.size,
        fingerprint=settings.fingerprint,
        windows_per_batch=ROWS_PER_BATCH,
        storage_dtype="float16",
        embed_sound=_rows_of_any_length(layer),
        module=layer,
    )


def _rows_of_any_length(layer: MelSpectrogram) -> Callable[[np.ndarray], tf.Tensor]:
    """Sound float32 [num_samples] -> its rows, worked on piece by piece, so that hours fit into memory."""
    window, hop, size = (
        layer.settings.window_samples,
        layer.settings.hop_samples,
        layer.settings.size,
    )

    def rows(sound: tf.Tensor) -> tf.Tensor:
        num_rows = 1 + -(-tf.maximum(tf.size(sound) - window, 0) // hop)
        sound = tf.pad(sound, [[0, window + (num_rows - 1) * hop - tf.size(sound)]])

        def piece(first: tf.Tensor) -> tf.Tensor:
            last = tf.minimum(first + ROWS_PER_BATCH, num_rows) - 1
            return layer(sound[None, first * hop : last * hop + window])[0]

        spec = tf.RaggedTensorSpec([None, size], tf.float32, ragged_rank=0)
        firsts = tf.range(0, num_rows, ROWS_PER_BATCH)
        pieces = tf.map_fn(piece, firsts, fn_output_signature=spec, parallel_iterations=1)
        return tf.ensure_shape(pieces.values, [None, size])

    return tf.function(rows, input_signature=[tf.TensorSpec([None], tf.float32)], autograph=False)
