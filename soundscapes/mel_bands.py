"""The triangular bands of a mel spectrogram, as librosa makes them, with NumPy alone."""

from __future__ import annotations

import numpy as np

# Slaney's scale is linear up to 1 kHz, 3 mel in 200 Hz, and logarithmic above it.
_HZ_OF_A_MEL = 200 / 3
_LOG_FROM_HZ = 1000.0
_LOG_FROM_MEL = _LOG_FROM_HZ / _HZ_OF_A_MEL
_LOG_STEP = np.log(6.4) / 27


def mel_bands(
    sample_rate_hz: int,
    fft_length: int,
    num_bands: int,
    *,
    min_hz: float,
    max_hz: float,
    is_htk: bool = False,
) -> np.ndarray:
    """How much each frequency counts in each band, equal to the last bit to `librosa.filters.mel`.

    librosa brings a compiler (numba) with it, which a board or a serverless function has no use for.

    Args:
        sample_rate_hz: int > 0.
        fft_length: int, even.
        num_bands: int >= 1.
        min_hz: float >= 0, where the lowest band begins.
        max_hz: float, where the highest ends.
        is_htk: HTK's scale instead of Slaney's.

    Returns:
        float32 [fft_length / 2 + 1, num_bands]; each band is divided by its width.

    Reference:
        McFee et al., librosa: Audio and music signal analysis in Python, 2015; Slaney, Auditory
        Toolbox, 1998.
    """
    hz = np.fft.rfftfreq(fft_length, 1 / sample_rate_hz)
    lowest, highest = _mel(min_hz, is_htk), _mel(max_hz, is_htk)
    corners = _hz(np.linspace(lowest, highest, num_bands + 2), is_htk)
    apart, widths = corners[:, None] - hz, np.diff(corners)[:, None]
    rising, falling = -apart[:-2] / widths[:-1], apart[2:] / widths[1:]
    weights = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    weights *= (2 / (corners[2:] - corners[:-2]))[:, None]
    return weights.T


def _mel(hz: float, is_htk: bool) -> float:
    if is_htk:
        return float(2595 * np.log10(1 + hz / 700))
    if hz < _LOG_FROM_HZ:
        return hz / _HZ_OF_A_MEL
    return float(_LOG_FROM_MEL + np.log(hz / _LOG_FROM_HZ) / _LOG_STEP)


def _hz(mels: np.ndarray, is_htk: bool) -> np.ndarray:
    if is_htk:
        return 700 * (10 ** (mels / 2595) - 1)
    above = _LOG_FROM_HZ * np.exp(_LOG_STEP * (mels - _LOG_FROM_MEL))
    return np.where(mels >= _LOG_FROM_MEL, above, _HZ_OF_A_MEL * mels)
