"""The 18 numbers that say what a clip sounds like, by librosa's definitions."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from student.spectrum import centred_frames, power_spectrum

NUM_MFCC = 13
FEATURE_NAMES: tuple[str, ...] = (
    *("spectral_centroid", "rms_energy", "zero_crossing_rate", "spectral_rolloff"),
    "band_energy_ratio",
    *(f"mfcc_{number}" for number in range(1, NUM_MFCC + 1)),
)
"""In the order of the student's second input."""

ROLLOFF_SHARE = 0.85
MFCC_TOP_DB = 80.0
_LEAST_POWER = 1e-10
_SMALLEST = np.finfo(np.float32).tiny


class SpectrumSettings(Protocol):
    """What the features need to know of a `StudentHearing`."""

    @property
    def sample_rate_hz(self) -> int: ...  # noqa: D102
    @property
    def fft_length(self) -> int: ...  # noqa: D102
    @property
    def hop_samples(self) -> int: ...  # noqa: D102
    @property
    def min_hz(self) -> float: ...  # noqa: D102
    @property
    def highest_hz(self) -> float: ...  # noqa: D102
    @property
    def mel_weights(self) -> np.ndarray: ...  # noqa: D102


def sound_features(
    clips: np.ndarray, hearing: SpectrumSettings, power: np.ndarray | None = None
) -> np.ndarray:
    """The 18 features of clips: of each, the mean over its rows.

    | name | what it is | unit |
    |---|---|---|
    | `spectral_centroid` | mean frequency, weighted by magnitude | Hz |
    | `rms_energy` | root of the mean square | full scale = 1 |
    | `zero_crossing_rate` | changes of sign | per sample, 0 to 1 |
    | `spectral_rolloff` | below it lie 85 % of the magnitude | Hz |
    | `band_energy_ratio` | power from `min_hz` to `max_hz` by all power | 0 to 1; 0 of silence |
    | `mfcc_1` to `mfcc_13` | cosine transform of the log-mel spectrum in the band | dB |

    All but the fifth are what `librosa.feature` gives with the hearing's rate, window and hop
    (`mfcc(n_mels=..., fmin=min_hz, fmax=max_hz)`). They are neither scaled nor centred: the student does
    that itself, in training and in use alike.

    Args:
        clips: float32 [num_clips, num_samples], at the hearing's rate.
        hearing: its rate, window, hop and band.
        power: float32 [num_clips, num_rows, num_bins] from `power_spectrum`, where it is known already.

    Returns:
        float32 [num_clips, 18], in the order of `FEATURE_NAMES`.

    Reference:
        McFee et al., librosa: Audio and music signal analysis in Python, 2015.
    """
    clips = np.asarray(clips, np.float32)
    if power is None:
        power = power_spectrum(clips, hearing.fft_length, hearing.hop_samples)
    hz = np.fft.rfftfreq(hearing.fft_length, 1 / hearing.sample_rate_hz).astype(np.float32)
    magnitude = np.sqrt(power)
    single = (
        _centroid(magnitude, hz),
        _rms(clips, hearing),
        _crossings(clips, hearing),
        _rolloff(magnitude, hz),
    )
    columns = [each.mean(axis=1) for each in single]
    columns.append(_band_share(power, hz, hearing))
    return np.column_stack([*columns, _mfcc(power, hearing)]).astype(np.float32)


def _centroid(magnitude: np.ndarray, hz: np.ndarray) -> np.ndarray:
    """Of each row: [num_clips, num_rows]."""
    total = magnitude.sum(axis=-1)
    return np.where(total < _SMALLEST, 0.0, magnitude @ hz / np.maximum(total, _SMALLEST))


def _rolloff(magnitude: np.ndarray, hz: np.ndarray) -> np.ndarray:
    below = np.cumsum(magnitude, axis=-1, dtype=np.float64)
    return hz[np.argmax(below >= ROLLOFF_SHARE * below[..., -1:], axis=-1)]


def _rms(clips: np.ndarray, hearing: SpectrumSettings) -> np.ndarray:
    frames = centred_frames(clips, hearing.fft_length, hearing.hop_samples)
    return np.sqrt(np.einsum("crs,crs->cr", frames, frames) / hearing.fft_length)


def _crossings(clips: np.ndarray, hearing: SpectrumSettings) -> np.ndarray:
    """As librosa: at the ends the first and the last sample go on, and what is nearly 0 is 0."""
    length = hearing.fft_length
    half = length // 2
    padded = np.pad(clips, ((0, 0), (half, half)), mode="edge")
    is_negative = padded < -1e-10
    crossed = is_negative[:, 1:] != is_negative[:, :-1]
    frames = np.lib.stride_tricks.sliding_window_view(crossed, length - 1, axis=1)
    return frames[:, :: hearing.hop_samples].sum(axis=-1) / length


def _band_share(power: np.ndarray, hz: np.ndarray, hearing: SpectrumSettings) -> np.ndarray:
    """Of each clip: [num_clips]."""
    spectrum = power.sum(axis=1, dtype=np.float64)
    inside = (hz >= hearing.min_hz) & (hz <= hearing.highest_hz)
    total = spectrum.sum(axis=-1)
    return np.where(total > 0, spectrum[:, inside].sum(axis=-1) / np.maximum(total, _SMALLEST), 0)


def _mfcc(power: np.ndarray, hearing: SpectrumSettings) -> np.ndarray:
    """[num_clips, 13]; the mean of a cosine transform is the transform of the mean."""
    from scipy.fft import dct

    decibels = 10 * np.log10(np.maximum(power @ hearing.mel_weights, _LEAST_POWER))
    floor = decibels.max(axis=(1, 2), keepdims=True) - MFCC_TOP_DB
    mean = np.maximum(decibels, floor).mean(axis=1)
    return dct(mean, type=2, norm="ortho", axis=-1)[:, :NUM_MFCC]
