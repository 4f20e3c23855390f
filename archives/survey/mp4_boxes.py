"""Whether an MP4, MOV or M4A holds all that its boxes announce."""

from __future__ import annotations

import os
import struct
from pathlib import Path

_MOST_BOXES = 1000
_HEADER_BYTES, _LONG_HEADER_BYTES = 8, 16


def missing_box_bytes(path: Path) -> int:
    """How many bytes the file lacks, by the sizes of its outermost boxes; 0 where it is whole, or no MP4.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        num_bytes = os.fstat(file.fileno()).st_size
        if file.read(8)[4:8] != b"ftyp":
            return 0
        position = 0
        for _ in range(_MOST_BOXES):
            file.seek(min(position, num_bytes))
            head = file.read(_LONG_HEADER_BYTES)
            if len(head) < _HEADER_BYTES:
                break
            (size,) = struct.unpack_from(">I", head)
            if size == 1 and len(head) == _LONG_HEADER_BYTES:
                (size,) = struct.unpack_from(">Q", head, _HEADER_BYTES)
            if size < _HEADER_BYTES:  # 0: to the end of the file
                break
            position += size
    return max(0, position - num_bytes)
