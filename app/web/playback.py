"""Any recording as a WAV that a browser can play and seek in; each part is decoded when it is asked for."""

from __future__ import annotations

import re
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import numpy as np

from media import UnreadableMediaError

HEADER_BYTES, SAMPLE_BYTES = 44, 2
HIGHEST_RATE_HZ = 48_000  # that every browser plays
MOST_BYTES = 2**32 - 1  # a WAV cannot say more
BLOCK_SECONDS = 5.0

WaveformOf = Callable[[int, float, float], Awaitable[np.ndarray]]
"""Gives float32 [num_samples] for a sample rate in Hz, an offset and a length in seconds."""


@dataclass(frozen=True)
class PlayableSound:
    """A recording as 16-bit mono WAV, of which any range of bytes can be had.

    The browser never gets the bytes of the file itself, so that its content cannot be taken for
    anything but sound.

    Args:
        waveform_of: decodes a stretch of it.
        duration_seconds: float > 0.
        sample_rate_hz: int > 0, of the file.
        slower: int >= 1, time expansion, by which ultrasound becomes audible.
    """

    waveform_of: WaveformOf
    duration_seconds: float
    sample_rate_hz: int
    slower: int = 1

    @property
    def rate_hz(self) -> int:
        """The rate of the samples, before they are played more slowly."""
        return min(self.sample_rate_hz, HIGHEST_RATE_HZ * self.slower)

    @property
    def num_bytes(self) -> int:
        """Of the whole WAV."""
        num_samples = int(self.duration_seconds * self.rate_hz)
        return min(HEADER_BYTES + SAMPLE_BYTES * num_samples, MOST_BYTES)

    async def read(self, first: int, last: int) -> AsyncIterator[bytes]:
        """The bytes from `first` to `last`, both included, as they are decoded.

        Where nothing can be decoded there is silence, so that all else stays at its time.
        """
        if first < HEADER_BYTES:
            yield self._header()[first : last + 1]
            first = HEADER_BYTES
        sample = (first - HEADER_BYTES) // SAMPLE_BYTES
        skip = (first - HEADER_BYTES) % SAMPLE_BYTES
        left = last + 1 - first
        while left > 0:
            num = min(int(BLOCK_SECONDS * self.rate_hz), left // SAMPLE_BYTES + 2)
            block = (await self._samples(sample, num))[skip : skip + left]
            yield block
            left, sample, skip = left - len(block), sample + num, 0

    async def _samples(self, first: int, num: int) -> bytes:
        rate = self.rate_hz
        try:
            waveform = await self.waveform_of(rate, first / rate, num / rate)
        except UnreadableMediaError:
            waveform = np.zeros(0, np.float32)
        samples = np.round(np.clip(waveform[:num], -1, 1) * 32767).astype("<i2")
        return np.pad(samples, (0, num - len(samples))).tobytes()

    def _header(self) -> bytes:
        rate, size = max(1, self.rate_hz // self.slower), self.num_bytes - HEADER_BYTES
        form = struct.pack("<HHIIHH", 1, 1, rate, rate * SAMPLE_BYTES, SAMPLE_BYTES, 16)
        riff = struct.pack("<4sI4s", b"RIFF", self.num_bytes - 8, b"WAVE")
        data = struct.pack("<4sI", b"data", size)
        return riff + struct.pack("<4sI", b"fmt ", len(form)) + form + data


def byte_range(header: str | None, num_bytes: int) -> tuple[int, int] | None:
    """The first and last byte that a Range header asks for; all of them without one.

    Returns:
        None where the range is none of this content.
    """
    if not header:
        return 0, num_bytes - 1
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", header.strip())
    if found is None or found.group(1) == found.group(2) == "":
        return None
    start, end = found.groups()
    if not start:
        return (max(0, num_bytes - int(end)), num_bytes - 1) if int(end) else None
    first, last = int(start), min(int(end or num_bytes), num_bytes - 1)
    return (first, last) if first <= last else None
