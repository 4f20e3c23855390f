"""Per-channel energy normalisation: each band is measured by how loud it has just been."""

from __future__ import annotations

import math

import keras
from keras import ops

from soundscapes.mel_settings import SILENCE_DB

NUM_DOUBLINGS = 14  # sound up to 2 ** 14 rows back counts, over 4 minutes of the published ones


@keras.saving.register_keras_serializable(package="fused_encoder")
class Pcen(keras.layers.Layer):
    """Per-channel energy normalisation of rows in decibels: steady noise fades, what begins stands out.

    With the power S of a band and its running mean M, `M[t] = (1 - b) M[t - 1] + b S[t]`:

        (S / (eps + M) ** gain + bias) ** power - bias ** power

    The formula and the defaults are those of `librosa.pcen(scale * 10 ** (decibels / 10))`, whose running
    mean begins at 1: the first half second stands out the more, the louder it is. Rows of all zeros are
    padding and stay 0.

    Args:
        hop_seconds: float > 0, from row to row, of the front end.
        gain: float in (0, 1], how much of the running mean is taken out.
        bias: float > 0.
        power: float > 0, the exponent.
        time_constant_seconds: float > 0, of the running mean.
        eps: float > 0.
        scale: float > 0, times the power: 2 ** 31 as librosa advises for amplitudes in [-1, 1].
        learns: whether gain, bias and power are trained, each band its own.

    Input shape:
        float32 [batch, num_rows, size], decibels.
    Output shape:
        float32, the same, at least 0.
    Raises:
        ValueError: a number is out of range.
    Reference:
        Wang et al., Trainable frontend for robust and far-field keyword spotting, 2017,
        https://arxiv.org/abs/1607.05666; Lostanlen et al., Per-channel energy normalization: why and how,
        2019, https://doi.org/10.1109/LSP.2018.2878620
    """

    def __init__(
        self,
        hop_seconds: float,
        *,
        gain: float = 0.98,
        bias: float = 2.0,
        power: float = 0.5,
        time_constant_seconds: float = 0.4,
        eps: float = 1e-6,
        scale: float = 2.0**31,
        learns: bool = False,
        **kwargs: object,
    ) -> None:
        kwargs.setdefault("dtype", "float32")  # powers of ten: under mixed precision too
        super().__init__(**kwargs)
        positive = (hop_seconds, gain, bias, power, time_constant_seconds, eps, scale)
        if min(positive) <= 0 or gain > 1:
            raise ValueError(
                "Expected hop_seconds, gain (at most 1), bias, power, time_constant_seconds, eps and scale "
                f"above 0, received {', '.join(f'{number:g}' for number in positive)}."
            )
        self.hop_seconds = hop_seconds
        self.gain = gain
        self.bias = bias
        self.power = power
        self.time_constant_seconds = time_constant_seconds
        self.eps = eps
        self.scale = scale
        self.learns = learns

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        def of_each_band(name: str, start: float) -> keras.Variable:
            return self.add_weight(
                shape=(input_shape[-1],),
                initializer=keras.initializers.Constant(math.log(start)),
                trainable=self.learns,
                name=name,
            )

        self.log_gain = of_each_band("log_gain", self.gain)
        self.log_bias = of_each_band("log_bias", self.bias)
        self.log_power = of_each_band("log_power", self.power)

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        is_row = ops.any(ops.not_equal(inputs, 0), axis=-1, keepdims=True)
        decibels = ops.where(is_row, inputs, SILENCE_DB)
        energy = self.scale * ops.exp(decibels * (math.log(10) / 10))
        gain, bias, power = (ops.exp(w) for w in (self.log_gain, self.log_bias, self.log_power))
        quieted = energy * ops.exp(-gain * ops.log(self.eps + self._running_mean(energy)))
        normalised = bias**power * ops.expm1(power * ops.log1p(quieted / bias))
        return ops.where(is_row, normalised, 0.0)

    def _running_mean(self, energy: keras.KerasTensor) -> keras.KerasTensor:
        """By doubling: each pass adds what the rows twice as far back have gathered."""
        rows = self.time_constant_seconds / self.hop_seconds
        share = (math.sqrt(1 + 4 * rows**2) - 1) / (2 * rows**2)
        before = ops.ones_like(energy[:, :1]) / share  # librosa's start: a mean of 1
        mean = share * ops.concatenate([before, energy], axis=1)
        num_rows = mean.shape[1]
        passes = NUM_DOUBLINGS if num_rows is None else (num_rows - 1).bit_length()
        for doubling in range(passes):
            back = 2**doubling
            earlier = ops.pad(mean, [[0, 0], [back, 0], [0, 0]])[:, :-back]
            mean = mean + (1 - share) ** back * earlier
        return mean[:, 1:]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, object]:
        return {
            **super().get_config(),
            "hop_seconds": self.hop_seconds,
            "gain": self.gain,
            "bias": self.bias,
            "power": self.power,
            "time_constant_seconds": self.time_constant_seconds,
            "eps": self.eps,
            "scale": self.scale,
            "learns": self.learns,
        }
