"""From the samples of a file to one waveform: regrouped, mixed down, resampled, piece by piece."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Literal

import numpy as np
import soxr

from media.errors import check_positive

Resampler = Literal["soxr_hq", "kaiser_best"]

_JUDGED_SECONDS = 30


class Mixer:
    """Many channels to one: their mean, or the loudest one where the mean would cancel.

    Two channels of opposite polarity (a miswired cable, a mid-side recording) add up to nothing.
    Noticed when the mean keeps less than half of the power that even unrelated channels would keep
    (1 / num_channels of their mean power; for stereo: a correlation below -0.5). 5.1 is no
    different: all six channels count alike.

    Judged once, by the first 30 seconds from the first sound on, and kept to the end: one recording
    has one wiring. Until then the pieces wait in memory (11.5 MB at 48 kHz stereo).

    Attributes:
        note: None, or what is to be said of channels that cancel, with `%s` for the file's name;
            known once the first piece is mixed.
    """

    def __init__(self, num_channels: int, sample_rate_hz: int) -> None:
        self.note: str | None = None
        self._num_channels = num_channels
        self._num_judged_samples = _JUDGED_SECONDS * sample_rate_hz

    def mix(self, pieces: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Float32 [num_samples, num_channels] each, of any length, to float32 [num_samples]."""
        pieces = iter(pieces)
        channel = None
        if self._num_channels > 1:
            waiting: list[np.ndarray] = []
            num_waiting = 0
            for piece in pieces:
                if not waiting and not piece.any():
                    yield mean_of_channels(piece)
                    continue
                waiting.append(piece)
                num_waiting += len(piece)
                if num_waiting >= self._num_judged_samples:
                    break
            channel = _channel_to_use(waiting, self._num_channels)
            pieces = chain(waiting, pieces)
            del waiting
        if channel is not None:
            self.note = (
                f"The {self._num_channels} channels of '%s' cancel when mixed (opposite polarity):"
                f" using channel {channel + 1} alone."
            )
        for piece in pieces:
            yield mean_of_channels(piece) if channel is None else piece[:, channel].copy()


def _channel_to_use(pieces: Iterable[np.ndarray], num_channels: int) -> int | None:
    """The loudest channel where the channels cancel; None where their mean is fine."""
    of_channels, of_mean = np.zeros(num_channels), 0.0
    for piece in pieces:
        of_channels += [_energy(piece[:, channel]) for channel in range(num_channels)]
        of_mean += _energy(mean_of_channels(piece))
    if of_mean >= 0.5 * of_channels.mean() / num_channels:
        return None
    return int(of_channels.argmax())


def mean_of_channels(samples: np.ndarray) -> np.ndarray:
    """`samples.mean(axis=1)`, but channel after channel: ten times faster over so short an axis."""
    total = samples[:, 0].astype(np.float32)
    for channel in range(1, samples.shape[1]):
        total += samples[:, channel]
    return total / np.float32(samples.shape[1])


def _energy(channel: np.ndarray) -> float:
    # No dot product: BLAS would spread it over threads that wait for busy cores.
    return float(np.square(channel, dtype=np.float64).sum())


def check_waveform(waveform: np.ndarray) -> None:
    """Refuse to write what is not mono, or not finite."""
    if waveform.ndim != 1 or not np.isfinite(waveform).all():
        raise ValueError(
            "Expected a finite mono waveform [num_samples],"
            f" received {list(waveform.shape)}, {np.sum(~np.isfinite(waveform))} not finite."
        )


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
            (resampy's, as in the published code: some 60 times slower, 14 dB down at 0.94 of half
            the target rate).
    Returns:
        float32 [about num_samples x target_rate_hz / source_rate_hz].
    Raises:
        ValueError: not one-dimensional, a rate that is not positive, or an unknown resampler.
    """
    if waveform.ndim != 1:
        raise ValueError(
            f"Expected a mono waveform [num_samples], received {list(waveform.shape)}."
        )
    check_positive(source_rate_hz=source_rate_hz, target_rate_hz=target_rate_hz)
    if resampler not in ("soxr_hq", "kaiser_best"):
        raise ValueError(f"Expected resampler 'soxr_hq' or 'kaiser_best', received {resampler!r}.")
    waveform = waveform.astype(np.float32, copy=False)
    if source_rate_hz == target_rate_hz or waveform.size == 0:
        return waveform
    if resampler == "soxr_hq":
        return soxr.resample(waveform, source_rate_hz, target_rate_hz, quality="HQ")
    import resampy  # imported here: it compiles with numba, which takes seconds

    if waveform.size * target_rate_hz < source_rate_hz:  # less than one sample; resampy raises
        return waveform[:0]
    return resampy.resample(waveform, source_rate_hz, target_rate_hz, filter="kaiser_best")


def resample_blocks(
    blocks: Iterable[np.ndarray], source_rate_hz: int, target_rate_hz: int
) -> Iterator[np.ndarray]:
    """`resample` ("soxr_hq") of a waveform in blocks, float32 [num_samples] each.

    Joined, the result is the same; each block comes later than what it is made of.
    """
    if source_rate_hz == target_rate_hz:
        yield from blocks
        return
    stream = soxr.ResampleStream(source_rate_hz, target_rate_hz, 1, dtype="float32", quality="HQ")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)


class Pieces:
    """What has come and was not taken yet, [num_rows, ...]; its length is that of all together."""

    def __init__(self) -> None:
        self._pieces: list[np.ndarray] = []
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, piece: np.ndarray) -> None:
        """Put behind the others."""
        self._pieces.append(piece)
        self._length += len(piece)

    def take(self, length: int) -> np.ndarray:
        """The first so many rows, or all if there are fewer (but at least one piece)."""
        joined = self._pieces[0] if len(self._pieces) == 1 else np.concatenate(self._pieces)
        rest = joined[length:]
        self._pieces = [rest] if len(rest) else []
        self._length = len(rest)
        return joined[:length]


def regroup(pieces: Iterable[np.ndarray], length: int) -> Iterator[np.ndarray]:
    """The same rows, [num_rows, ...] of any number each, so many at a time; the last may be fewer."""
    waiting = Pieces()
    for piece in pieces:
        waiting.append(piece)
        while len(waiting) >= length:
            yield waiting.take(length)
    if len(waiting):
        yield waiting.take(length)
