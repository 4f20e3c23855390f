"""The file of an approximate search beside an index: a faiss index, and behind it what it stands for.

Like the matrix it is a copy that can be made again. faiss does not survive every damaged file, so all of it
is covered by a checksum, and read by faiss only after that was found right.
"""

from __future__ import annotations

import json
import logging
import os
import struct
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from inference.index.schema import Moment
from inference.index.store import Approximation

if TYPE_CHECKING:
    import faiss

logger = logging.getLogger(__name__)

MAGIC = b"FEivf001"
TRAILER_END = struct.Struct("<II8s")  # length and checksum of the JSON before it
BYTES_AT_ONCE = 2**22


@dataclass(frozen=True)
class IvfAbout:
    """What a file of approximate search was made of.

    Attributes:
        size: of an embedding.
        moment: of the index, when it was made.
        last_position: of the rows that it holds.
        approximation: what was measured.
    """

    size: int
    moment: Moment
    last_position: int
    approximation: Approximation


def save_ivf(path: Path, ivf: faiss.Index, about: IvfAbout) -> None:
    """Write the file, which the caller has locked; it appears whole or not at all."""
    import faiss

    temporary = path.with_name(f"{path.name}.part")
    try:
        try:
            faiss.write_index(ivf, str(temporary))
        except RuntimeError as error:
            raise OSError(f"the file of approximate search cannot be written ({error})") from error
        with temporary.open("r+b") as file:
            trailer = json.dumps({**asdict(about), "checksum": _checksum(temporary)}).encode()
            file.seek(0, os.SEEK_END)
            file.write(trailer + TRAILER_END.pack(len(trailer), zlib.crc32(trailer), MAGIC))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load_about(path: Path) -> IvfAbout | None:
    """What the file says of itself; None where it is missing or not one."""
    try:
        about, _ = _read_trailer(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        logger.warning("%s cannot be used (%s); build it again.", path, error)
        return None
    return about


def load_ivf(path: Path) -> faiss.Index | None:
    """The faiss index, mapped into memory; None where the file is missing or damaged."""
    import faiss

    try:
        _, checksum = _read_trailer(path)
        if _checksum(path, ends_with_trailer=True) != checksum:
            _refuse("its checksum does not fit")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        logger.warning("%s cannot be used (%s); build it again.", path, error)
        return None
    return faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)


def _read_trailer(path: Path) -> tuple[IvfAbout, int]:
    with path.open("rb") as file:
        num_bytes = file.seek(0, os.SEEK_END)
        if num_bytes == 0:
            raise FileNotFoundError(path)  # another process is about to make it
        start = num_bytes - TRAILER_END.size
        file.seek(max(0, start))
        end = file.read()
        if len(end) != TRAILER_END.size:
            _refuse("it is cut short")
        length, checksum, magic = TRAILER_END.unpack(end)
        if magic != MAGIC or length > start:
            _refuse("it is cut short or of another kind")
        file.seek(start - length)
        trailer = file.read(length)
    if zlib.crc32(trailer) != checksum:
        _refuse("its description is damaged")
    told = json.loads(trailer)
    approximation = Approximation(**told["approximation"])
    about = IvfAbout(told["size"], Moment(*told["moment"]), told["last_position"], approximation)
    return about, told["checksum"]


def _checksum(path: Path, *, ends_with_trailer: bool = False) -> int:
    checksum = 0
    with path.open("rb") as file:
        left = path.stat().st_size
        if ends_with_trailer:
            file.seek(left - TRAILER_END.size)
            length, _, _ = TRAILER_END.unpack(file.read())
            left -= TRAILER_END.size + length
            file.seek(0)
        while left > 0:
            content = file.read(min(left, BYTES_AT_ONCE))
            if not content:
                _refuse("it is cut short")
            checksum, left = zlib.crc32(content, checksum), left - len(content)
    return checksum


def _refuse(why: str) -> NoReturn:
    raise ValueError(why)
