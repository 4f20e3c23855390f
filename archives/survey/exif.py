"""When and with what a photo was taken: three tags of its EXIF block, read without a library.

Pillow would read them too, but is no dependency of this project, and warns and raises in its own ways; the
block is a TIFF directory of 12-byte entries.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from archives.survey.records import Clock

_BYTE_ORDERS = {b"II*\x00": "<", b"MM\x00*": ">"}
_MODEL, _EXIF_DIRECTORY = 0x0110, 0x8769
_TIME_ORIGINAL, _OFFSET_ORIGINAL = 0x9003, 0x9011
_WANTED = {_MODEL, _EXIF_DIRECTORY, _TIME_ORIGINAL, _OFFSET_ORIGINAL}
_ASCII = 2
_MOST_ENTRIES, _MOST_TEXT_BYTES = 512, 256


@dataclass(frozen=True)
class PhotoTags:
    """What EXIF says of a photo's making.

    Attributes:
        clock: DateTimeOriginal with OffsetTimeOriginal; None where it is not told or not set.
        model: of the camera.
    """

    clock: Clock | None
    model: str | None


def read_photo_tags(content: bytes) -> PhotoTags | None:
    """The tags of a JPEG, PNG, WebP or TIFF.

    Args:
        content: the file, or so much of its beginning that EXIF is in it.
    Returns:
        None where there is no EXIF block, or a damaged one.
    """
    block = _exif_block(content)
    if block is None:
        return None
    try:
        order = _BYTE_ORDERS[block[:4]]
        tags = _directory(block, struct.unpack_from(order + "I", block, 4)[0], order)
        inner = tags.get(_EXIF_DIRECTORY)
        if isinstance(inner, int):
            tags |= _directory(block, inner, order)
    except (struct.error, KeyError):
        return None
    model = tags.get(_MODEL)
    return PhotoTags(_clock(tags), model if isinstance(model, str) and model else None)


def _exif_block(content: bytes) -> bytes | None:
    if content[:4] in _BYTE_ORDERS:
        return content
    if content.startswith(b"\xff\xd8\xff"):
        position = content.find(b"Exif\x00\x00")
        return content[position + 6 :] if position >= 0 else None
    for mark, skipped in ((b"eXIf", 4), (b"EXIF", 8)):  # PNG; WebP, whose chunk has a size
        position = content.find(mark)
        if position >= 0:
            block = content[position + skipped :]
            return block.removeprefix(b"Exif\x00\x00")
    return None


def _directory(block: bytes, position: int, order: str) -> dict[int, str | int]:
    (num_entries,) = struct.unpack_from(order + "H", block, position)
    tags: dict[int, str | int] = {}
    for entry in range(min(num_entries, _MOST_ENTRIES)):
        start = position + 2 + 12 * entry
        tag, kind, count, value = struct.unpack_from(order + "HHII", block, start)
        if tag not in _WANTED:
            continue
        if kind != _ASCII:
            tags[tag] = value
        elif count <= _MOST_TEXT_BYTES:
            at = value if count > 4 else start + 8
            tags[tag] = block[at : at + count].split(b"\x00")[0].decode("ascii", "replace").strip()
    return tags


def _clock(tags: Mapping[int, str | int]) -> Clock | None:
    """Not DateTime: programs set that when they save the photo again."""
    offset = tags.get(_OFFSET_ORIGINAL) or ""
    try:
        time = datetime.strptime(str(tags.get(_TIME_ORIGINAL)), "%Y:%m:%d %H:%M:%S")
    except ValueError:  # "0000:00:00 00:00:00" where the clock was never set
        return None
    try:
        return Clock(datetime.strptime(f"{time:%Y%m%d%H%M%S}{offset}", "%Y%m%d%H%M%S%z"), "exif")
    except ValueError:
        return Clock(time, "exif")
