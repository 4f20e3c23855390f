"""Where a stream of sound comes from: a pipe, or a file that grows. `microphone` is the third."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from media.waveforms import mean_of_channels

BLOCK_SECONDS = 0.1
SampleFormat = Literal["s16le", "s24le", "s32le", "f32le"]
"""As ffmpeg names them: whole numbers of 16, 24 or 32 bits, or float, little-endian."""
_SAMPLE_BYTES: dict[str, int] = {"s16le": 2, "s24le": 3, "s32le": 4, "f32le": 4}
_WAV_FORMATS: dict[tuple[int, int], SampleFormat] = {
    (1, 16): "s16le",
    (1, 24): "s24le",
    (1, 32): "s32le",
    (3, 32): "f32le",
}
_ENDLESS = 0x7FFF0000
"""Programs that write WAV into a pipe put about this length, or 0, for "not known"."""
_EXTENSIBLE = 0xFFFE


@dataclass(frozen=True)
class Session:
    """A stretch of sound without a gap.

    Attributes:
        lost_seconds: float >= 0, between the one before and this.
        blocks: float32 [num_samples] each, mono, full scale at 1.
    """

    lost_seconds: float
    blocks: Iterator[np.ndarray]


class SoundSource(Protocol):
    """Gives sound as it comes."""

    @property
    def sample_rate_hz(self) -> int:
        """Of its blocks."""
        ...

    @property
    def waits(self) -> bool:
        """Whether sound that is not taken yet waits there, as in a file, or is lost, as in a microphone."""
        ...

    def sessions(self) -> Iterator[Session]:
        """One after another; the blocks of one are taken before the next is asked for."""
        ...


class ByteReader(Protocol):
    """What bytes are read from, such as `sys.stdin.buffer`."""

    def read(self, size: int, /) -> bytes:
        """So many, or fewer at the end."""
        ...


class StreamSource:
    """Sound from bytes: a WAV file, header and all, or raw samples (PCM).

    `ffmpeg -i IN -f wav -`, `arecord -t wav` and `cat FILE.wav` write such bytes. A WAV says its own rate.

    Args:
        reader: gives the bytes.
        sample_rate_hz: int > 0, of raw samples. None: it must be a WAV file.
        num_channels: int >= 1, of raw samples; they are mixed to one.
        sample_format: of raw samples.
        waits: see `SoundSource`. False for a recorder that does not wait when its pipe is full.
        grows: whether a WAV's header may be older than its sound.

    Raises:
        ValueError: it is neither, or of a kind that is not read here.
    """

    def __init__(
        self,
        reader: ByteReader,
        *,
        sample_rate_hz: int | None = None,
        num_channels: int = 1,
        sample_format: SampleFormat = "s16le",
        waits: bool = True,
        grows: bool = False,
    ) -> None:
        self._reader, self.waits = reader, waits
        self._first, self._left = reader.read(4), -1
        if self._first == b"RIFF":
            self._first = b""
            sample_rate_hz, num_channels, sample_format, length = _read_wav_header(reader)
            self._left = -1 if grows or not 0 < length < _ENDLESS else length
        elif sample_rate_hz is None:
            raise ValueError(
                f"Expected a WAV file, which begins with 'RIFF'; received {self._first!r}. Raw samples need "
                "their sample rate (--rate); `ffmpeg -i IN -f wav -` makes a WAV of anything else."
            )
        self.sample_rate_hz, self._num_channels = sample_rate_hz, num_channels
        self._format = sample_format

    def sessions(self) -> Iterator[Session]:
        """One, to the end of the bytes."""
        yield Session(0.0, self._blocks())

    def _blocks(self) -> Iterator[np.ndarray]:
        frame = _SAMPLE_BYTES[self._format] * self._num_channels
        size = max(1, round(BLOCK_SECONDS * self.sample_rate_hz)) * frame
        waiting, left = self._first, self._left
        while True:
            wanted = size - len(waiting)
            more = self._reader.read(wanted if left < 0 else min(wanted, left))
            left -= len(more) if left >= 0 else 0
            waiting += more
            whole = len(waiting) - len(waiting) % frame
            if whole:
                samples = _samples(waiting[:whole], self._format)
                yield mean_of_channels(samples.reshape(-1, self._num_channels))
            waiting = waiting[whole:]
            if not more:
                return


def growing_file(
    path: str | Path,
    *,
    idle_seconds: float | None = 10.0,
    sample_rate_hz: int | None = None,
    num_channels: int = 1,
    sample_format: SampleFormat = "s16le",
) -> StreamSource:
    """A WAV or raw file that another program is still writing, from its start.

    Args:
        path: of the file.
        idle_seconds: float > 0; it is at its end when it has not grown for so long. None: never.
        sample_rate_hz: as `StreamSource`; the same for the others.
        num_channels: of raw samples.
        sample_format: of raw samples.

    Raises:
        FileNotFoundError: there is none.
        ValueError: as `StreamSource`.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"No file at '{path}'.")
    return StreamSource(
        _GrowingReader(Path(path), idle_seconds),
        sample_rate_hz=sample_rate_hz,
        num_channels=num_channels,
        sample_format=sample_format,
        grows=True,
    )


class _GrowingReader:
    def __init__(self, path: Path, idle_seconds: float | None) -> None:
        self._path, self._idle_seconds, self._position = path, idle_seconds, 0

    def read(self, size: int, /) -> bytes:
        got, since = b"", time.monotonic()
        while len(got) < size:
            with self._path.open("rb") as file:  # anew each time: a network drive may come back
                file.seek(self._position)
                more = file.read(size - len(got))
            self._position += len(more)
            got += more
            if more:
                since = time.monotonic()
            elif self._idle_seconds is not None and time.monotonic() - since > self._idle_seconds:
                break
            else:
                time.sleep(BLOCK_SECONDS / 2)
        return got


def _read_wav_header(reader: ByteReader) -> tuple[int, int, SampleFormat, int]:
    """After "RIFF": rate, channels, format, and the length in bytes that it promises."""
    kind: tuple[int, int, SampleFormat] | None = None
    if reader.read(8)[4:] != b"WAVE":
        raise ValueError("Expected a WAV file, received another RIFF file.")
    while len(head := reader.read(8)) == 8:
        name, size = head[:4], struct.unpack("<I", head[4:])[0]
        if name == b"data" and kind is not None:
            return *kind, size
        body = reader.read(size + size % 2)
        if name == b"fmt " and len(body) >= 16:
            kind = _wav_kind(body)
    raise ValueError("The WAV file ends within its header.")


def _wav_kind(body: bytes) -> tuple[int, int, SampleFormat]:
    code, channels, rate, _, _, bits = struct.unpack("<HHIIHH", body[:16])
    if code == _EXTENSIBLE and len(body) >= 26:
        code = struct.unpack("<H", body[24:26])[0]
    if (code, bits) not in _WAV_FORMATS or not rate or not channels:
        raise ValueError(
            f"Expected WAV samples of 16, 24 or 32 bits or float 32, received format {code} of {bits} bits, "
            f"{channels} channels, {rate} Hz. `ffmpeg -i IN -c:a pcm_s16le -f wav -` converts."
        )
    return rate, channels, _WAV_FORMATS[code, bits]


def _samples(raw: bytes, sample_format: SampleFormat) -> np.ndarray:
    """float32 [num_samples], full scale at 1; what is no number is 0."""
    if sample_format == "f32le":
        return np.nan_to_num(np.frombuffer(raw, "<f4"), posinf=0.0, neginf=0.0)
    if sample_format == "s16le":
        return np.frombuffer(raw, "<i2").astype(np.float32) / 2**15
    if sample_format == "s24le":
        three = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        raw = np.pad(three, ((0, 0), (1, 0))).tobytes()
    return (np.frombuffer(raw, "<i4") / 2**31).astype(np.float32)
