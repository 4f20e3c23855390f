"""The one short-time spectrum that a student's mel rows and its 18 features are made of."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


def power_spectrum(clips: np.ndarray, fft_length: int, hop_samples: int) -> np.ndarray:
    """Power at every hop of clips, as `np.abs(librosa.stft(clip)) ** 2`: centred, zeros beyond the ends.

    Args:
        clips: float32 [num_clips, num_samples].
        fft_length: int, even, samples of a window (Hann).
        hop_samples: int >= 1.

    Returns:
        float32 [num_clips, num_rows, fft_length / 2 + 1].
    """
    from scipy.fft import rfft

    spectrum = rfft(centred_frames(clips, fft_length, hop_samples) * _hann(fft_length))
    return np.square(spectrum.real) + np.square(spectrum.imag)


def centred_frames(
    clips: np.ndarray, length: int, hop_samples: int, *, mode: str = "constant"
) -> np.ndarray:
    """Windows around every hop from the first sample to the last: [num_clips, num_rows, length]."""
    half = length // 2
    padded = np.pad(clips, ((0, 0), (half, half)), mode=mode)  # type: ignore[call-overload] # a str
    return np.lib.stride_tricks.sliding_window_view(padded, length, axis=1)[:, ::hop_samples]


@lru_cache
def _hann(length: int) -> np.ndarray:
    from scipy.signal.windows import hann

    return hann(length, sym=False).astype(np.float32)
