"""Changing a waveform's sample rate."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import soxr

Resampler = Literal["soxr_hq", "kaiser_best"]


def resample(
    waveform: np.ndarray,
    source_rate_hz: int,
    target_rate_hz: int,
    *,
    resampler: Resampler = "soxr_hq",
) -> np.ndarray:
    """A waveform at another sample rate; the first sample stays at time 0.

    Args:
        waveform: float [num_samples], mono.
        source_rate_hz: int > 0.
        target_rate_hz: int > 0.
        resampler: "soxr_hq" (fast, and flat nearly up to half the lower rate), or "kaiser_best"
            (resampy's, as in the published code: some 60 times slower, 14 dB down at 7.5 kHz when
            the target is 16 kHz).
    Returns:
        float32 [about num_samples x target_rate_hz / source_rate_hz].
    Raises:
        ValueError: not one-dimensional, a rate that is not positive, or an unknown resampler.
    """
    if waveform.ndim != 1:
        raise ValueError(
            f"Expected a mono waveform [num_samples], received {list(waveform.shape)}."
            " Mix it down first (mix_down)."
        )
    if source_rate_hz <= 0 or target_rate_hz <= 0:
        raise ValueError(
            f"Expected sample rates above 0 Hz, received {source_rate_hz} and {target_rate_hz}."
        )
    if resampler not in ("soxr_hq", "kaiser_best"):
        raise ValueError(f"Expected resampler 'soxr_hq' or 'kaiser_best', received {resampler!r}.")
    waveform = waveform.astype(np.float32, copy=False)
    if source_rate_hz == target_rate_hz or waveform.size == 0:
        return waveform
    if resampler == "soxr_hq":
        return soxr.resample(waveform, source_rate_hz, target_rate_hz, quality="HQ")
    return _resample_kaiser_best(waveform, source_rate_hz, target_rate_hz)


def resample_blocks(
    blocks: Iterator[np.ndarray], source_rate_hz: int, target_rate_hz: int
) -> Iterator[np.ndarray]:
    """`resample` ("soxr_hq") of a waveform that comes in blocks: joined, the result is the same.

    Args:
        blocks: float32 [num_samples] each.
        source_rate_hz: int > 0.
        target_rate_hz: int > 0.
    Yields:
        float32 [num_samples], of any length, later than what they are made of.
    """
    if source_rate_hz == target_rate_hz:
        yield from blocks
        return
    stream = soxr.ResampleStream(source_rate_hz, target_rate_hz, 1, dtype="float32", quality="HQ")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)


def _resample_kaiser_best(
    waveform: np.ndarray, source_rate_hz: int, target_rate_hz: int
) -> np.ndarray:
    import resampy  # imported here: it compiles with numba, which takes seconds

    if waveform.size * target_rate_hz < source_rate_hz:  # less than one sample; resampy raises
        return waveform[:0]
    return resampy.resample(waveform, source_rate_hz, target_rate_hz, filter="kaiser_best")
