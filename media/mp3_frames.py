"""What the frame headers of an MP3 tell without decoding: its announced length, and whether it is cut off."""

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

_WINDOW_BYTES = 1 << 16
_CHAIN_FRAMES = 3
"""Bytes that look like a header occur in any file; three in a row, each where it should be, do not."""
_SLACK_BYTES = 4096
_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_KILOBITS = {
    (True, 1): (0, *range(32, 449, 32)),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_KILOBITS[False, 3] = _KILOBITS[False, 2]


@dataclass(frozen=True)
class Mp3Outline:
    """An MP3 by its headers.

    Attributes:
        num_sound_bytes: of the file, without the tags at both ends.
        samples_per_frame: 1152, or 576 at the lower sample rates.
        announced_samples: by its table (Xing, Info or VBRI), before the encoder's delay and padding
            are taken off; None without a table.
        goes_on: it holds much more than its table announces (files joined end to end).
        varies: the bit rate does, so that a file's size does not tell its length.
        missing_bytes: of its last frame; 0 where that is whole or cannot be found.
    """

    num_sound_bytes: int
    samples_per_frame: int
    announced_samples: int | None
    goes_on: bool
    varies: bool
    missing_bytes: int


@dataclass(frozen=True)
class _Frame:
    position: int
    num_bytes: int
    num_samples: int
    kilobits: int
    kind: tuple[int, int]
    """Version, layer and sample rate as their bits: the same in all frames of a file."""

    @property
    def end(self) -> int:
        return self.position + self.num_bytes


def read_mp3_outline(path: Path) -> Mp3Outline | None:
    """Reads some 200 KB; None where no frames are found (or their size is not told: free format)."""
    with path.open("rb") as file:
        start = _end_of_leading_tags(file)
        end = _start_of_trailing_tags(file)
        head = _read(file, start, end)
        first = next(_frames(head, None), None)
        if first is None:
            return None
        middle = _read(file, (start + end) // 2, end)
        tail = _read(file, max(start, end - _WINDOW_BYTES), end)
    num_frames, num_bytes = _announced(head[first.position : first.end])
    rates = {frame.kilobits for data in (head, middle, tail) for frame in _frames(data, first.kind)}
    num_sound_bytes = end - start - first.position
    return Mp3Outline(
        num_sound_bytes=num_sound_bytes,
        samples_per_frame=first.num_samples,
        announced_samples=None if num_frames is None else num_frames * first.num_samples,
        goes_on=num_bytes is not None and num_sound_bytes > 1.02 * num_bytes + _SLACK_BYTES,
        varies=len(rates) > 1,
        missing_bytes=_missing_bytes(tail, first.kind),
    )


def _read(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(min(_WINDOW_BYTES, max(0, end - start)))


def _end_of_leading_tags(file: BinaryIO) -> int:
    position = 0
    while True:
        file.seek(position)
        head = file.read(10)
        if len(head) < 10 or head[:3] != b"ID3":
            return position
        size = sum((head[6 + index] & 0x7F) << (21 - 7 * index) for index in range(4))
        position += 10 + size + (10 if head[5] & 0x10 else 0)


def _start_of_trailing_tags(file: BinaryIO) -> int:
    end = file.seek(0, os.SEEK_END)
    while True:
        size = _trailing_tag_bytes(_read(file, max(0, end - 227), end))
        if not 0 < size <= end:
            return end
        end -= size


def _trailing_tag_bytes(tail: bytes) -> int:
    if tail[-128:-125] == b"TAG":
        return 227 + 128 if tail[-227:-223] == b"TAG+" else 128
    if tail[-227:-223] == b"TAG+":
        return 227
    if tail[-32:-24] == b"APETAGEX":
        has_header = tail[-9] & 0x80
        return int.from_bytes(tail[-20:-16], "little") + (32 if has_header else 0)
    if tail[-9:] == b"LYRICS200" and tail[-15:-9].isdigit():
        return int(tail[-15:-9]) + 15
    return 0


def _announced(table: bytes) -> tuple[int | None, int | None]:
    """Number of frames and of bytes, by the first frame if that is a table and not sound."""
    place = max(table[:64].find(b"Xing"), table[:64].find(b"Info"))
    if place > 0:
        flags, first, second = (_number(table, place + 4 * index) for index in (1, 2, 3))
        num_frames = first if flags & 1 else None
        num_bytes = (second if flags & 1 else first) if flags & 2 else None
        return num_frames, num_bytes
    if table[36:40] == b"VBRI":
        return _number(table, 50), _number(table, 46)
    return None, None


def _number(data: bytes, place: int) -> int:
    return int.from_bytes(data[place : place + 4], "big")


def _missing_bytes(tail: bytes, kind: tuple[int, int]) -> int:
    frames = deque(_frames(tail, kind), maxlen=1)
    if not frames:
        return 0
    last = frames[0]
    rest = tail[last.end :]
    cut = _frame_at(rest, 0, kind)
    if cut is not None:
        return cut.num_bytes - len(rest)
    is_start_of_header = 0 < len(rest) < 4 and tail[last.position :].startswith(rest[:2])
    return last.num_bytes - len(rest) if is_start_of_header else 0


def _frames(data: bytes, kind: tuple[int, int] | None) -> Iterator[_Frame]:
    """The whole frames within some bytes, which may begin anywhere; what is none is skipped."""
    position = 0
    while (position := data.find(b"\xff", position)) >= 0:
        start = list(islice(_chain(data, position, kind), _CHAIN_FRAMES))
        if len(start) == _CHAIN_FRAMES or (start and start[-1].end == len(data)):
            for frame in _chain(data, position, kind):
                yield frame
                position = frame.end
        else:
            position += 1


def _chain(data: bytes, position: int, kind: tuple[int, int] | None) -> Iterator[_Frame]:
    while (frame := _frame_at(data, position, kind)) is not None and frame.end <= len(data):
        yield frame
        position, kind = frame.end, frame.kind


def _frame_at(data: bytes, position: int, kind: tuple[int, int] | None) -> _Frame | None:
    head = data[position : position + 4]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    if kind is not None and kind != (head[1] & 0xFE, head[2] & 0x0C):
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    rate_index, kilobits_index = head[2] >> 2 & 3, head[2] >> 4
    if version == 1 or layer == 4 or rate_index == 3 or kilobits_index in (0, 15):
        return None
    rate_hz = _RATES_HZ[version][rate_index]
    kilobits = _KILOBITS[version == 3, layer][kilobits_index]
    num_samples = 384 if layer == 1 else 576 if (layer == 3 and version != 3) else 1152
    slot_bytes = 4 if layer == 1 else 1
    num_slots = num_samples * 125 * kilobits // (rate_hz * slot_bytes) + (head[2] >> 1 & 1)
    return _Frame(
        position, num_slots * slot_bytes, num_samples, kilobits, (head[1] & 0xFE, head[2] & 0x0C)
    )
