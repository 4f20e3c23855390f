"""What a WAV file says of itself around its sound: how much there should be, when it begins, who made it."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

_MOST_CHUNKS = 64
_MOST_COMMENT_BYTES = 1 << 16
_LENGTH_UNKNOWN = 0x7FFFFFFF
_WITH_64_BIT_SIZES = {b"RF64", b"BW64"}


@dataclass(frozen=True)
class WavHeader:
    """The chunks around the sound.

    Attributes:
        announced_bytes: of sound, by the header; None where it does not tell (written to a pipe).
        present_bytes: of sound, that the file can hold.
        comment: ICMT of its INFO list, where AudioMoth writes.
        guano: GUANO metadata (Wildlife Acoustics and others).
    """

    announced_bytes: int | None
    present_bytes: int
    comment: str | None = None
    guano: str | None = None

    @property
    def is_cut_short(self) -> bool:
        """Whether the file ends before its sound does."""
        return self.announced_bytes is not None and self.announced_bytes > self.present_bytes


def read_wav_header(path: Path) -> WavHeader | None:
    """The header of a WAV, RF64 or BW64 file, from a few reads whatever the file's size.

    Returns:
        None where it is no WAV file, or has no chunk of sound.
    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        form = file.read(12)
        if form[:4] not in {b"RIFF", *_WITH_64_BIT_SIZES} or form[8:12] != b"WAVE":
            return None
        file_bytes = os.fstat(file.fileno()).st_size
        position, long_size = 12, None
        texts: dict[bytes, str] = {}
        sound: tuple[int | None, int] | None = None
        for _ in range(_MOST_CHUNKS):
            file.seek(min(position, file_bytes))
            head = file.read(8)
            if len(head) < 8:
                break
            name, size = struct.unpack("<4sI", head)
            if name == b"ds64":
                long_size = int.from_bytes(file.read(16)[8:16], "little")
            elif name == b"data":
                size = long_size if long_size is not None and form[:4] != b"RIFF" else size
                sound = _sound_chunk(size, file_bytes - position - 8)
            elif name in {b"LIST", b"guan"}:
                texts |= _texts(name, file.read(min(size, _MOST_COMMENT_BYTES)))
            position += 8 + size + size % 2
    if sound is None:
        return None
    return WavHeader(*sound, texts.get(b"ICMT"), texts.get(b"guan"))


def _sound_chunk(announced: int, room: int) -> tuple[int | None, int]:
    unknown = announced >= _LENGTH_UNKNOWN and announced <= 0xFFFFFFFF
    return None if unknown else announced, room if unknown else min(announced, room)


def _texts(name: bytes, content: bytes) -> dict[bytes, str]:
    if name == b"guan":
        return {name: _text(content)}
    if content[:4] != b"INFO":
        return {}
    found, position = {}, 4
    while position + 8 <= len(content):
        key, size = struct.unpack_from("<4sI", content, position)
        found[key] = _text(content[position + 8 : position + 8 + size])
        position += 8 + size + size % 2
    return found


def _text(content: bytes) -> str:
    return content.decode("utf-8", errors="replace").strip("\x00 \r\n")
