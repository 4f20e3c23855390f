"""Recordings that end before their end: what each format shows of it without being decoded."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from media.mp3_frames import Mp3Outline, read_mp3_outline

_DATA_CUT_SHORT = re.compile(
    r"^ *(?:data|SSND|BODY|Data Size) *: (\d+) \(should be (\d+)\)", re.MULTILINE
)
_RF64_CUT_SHORT = re.compile(r"frame count (\d+) does not match value from 'ds64' chunk of (\d+)")
_W64_CUT_SHORT = re.compile(r"^riff : (\d+) \(should be (\d+)\)$.*^data : (\d+)$", re.M | re.DOTALL)
_LENGTH_UNKNOWN = 0x7FFFFFFF
_LONGEST_OGG_PAGE_BYTES = 27 + 255 + 255 * 255
"""Header, table of segments, segments."""
_ENDS_OGG_STREAM = 0x04


@dataclass(frozen=True)
class DataLack:
    """A recording without compression that is shorter than its header says.

    Attributes:
        num_announced: by the header.
        num_present: in the file.
        unit: of these numbers.
    """

    num_announced: int
    num_present: int
    unit: str = "bytes of sound"

    def __str__(self) -> str:
        return (
            f"it holds {self.num_present} of the {self.num_announced} {self.unit} that its header"
            " announces"
        )


def lacking_data(libsndfile_log: str) -> DataLack | None:
    """WAV, AIFF, AU, RF64 and W64 announce the length of the sound; libsndfile only logs its lack."""
    lack = _logged_lack(libsndfile_log)
    if lack is None or lack.num_present >= lack.num_announced:  # the header is merely odd
        return None
    is_open = lack.num_announced >= _LENGTH_UNKNOWN  # written to a pipe
    return None if is_open and lack.unit == DataLack.unit else lack


def _logged_lack(log: str) -> DataLack | None:
    if found := _DATA_CUT_SHORT.search(log):
        return DataLack(int(found[1]), int(found[2]))
    if found := _RF64_CUT_SHORT.search(log):
        return DataLack(int(found[2]), int(found[1]), "samples")
    if found := _W64_CUT_SHORT.search(log):
        num_missing, num_announced = int(found[1]) - int(found[2]), int(found[3])
        return DataLack(num_announced, num_announced - num_missing)
    return None


def lacking_ogg_end(path: Path) -> str | None:
    """The last page of an Ogg stream says that it is; what was cut off has none such.

    Returns:
        The lack in words; None if the end is there.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 2 * _LONGEST_OGG_PAGE_BYTES))
        tail = file.read()
    position = -1
    while (position := tail.find(b"OggS\0", position + 1)) >= 0:
        if tail[position + 5 : position + 6] and tail[position + 5] & _ENDS_OGG_STREAM:
            num_segments = tail[position + 26] if position + 26 < len(tail) else 0
            sizes = tail[position + 27 : position + 27 + num_segments]
            if position + 27 + num_segments + sum(sizes) <= len(tail):
                return None
    return "it has no last page, as if it were cut off"


def lacking_mp3_end(outline: Mp3Outline | None) -> str | None:
    """A file that is cut at some byte rarely ends with a whole frame.

    Returns:
        The lack in words; None if the last frame is whole, or was not found.
    """
    if outline is None or outline.missing_bytes == 0:
        return None
    return (
        f"it lacks the last {outline.missing_bytes} bytes of its last frame, as if it were cut off"
    )


def lacking_end(path: Path, format_name: str) -> str | None:
    """What FFmpeg does not tell of the formats that it names "mp3" and "ogg"; None for others."""
    if format_name == "mp3":
        return lacking_mp3_end(read_mp3_outline(path))
    return lacking_ogg_end(path) if format_name == "ogg" else None
