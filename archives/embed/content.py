"""What tells whether a file is the one that was embedded: size and time of change, else its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from media.files import read_head, unreadable_file

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Identity:
    """What a file was when it was read.

    Attributes:
        content: 32 hex digits, the same for the same bytes.
        size_bytes: int.
        modified_ns: int, when it was changed, since 1970.
    """

    content: str
    size_bytes: int
    modified_ns: int


def look_at(paths: Sequence[Path]) -> tuple[int, int]:
    """Size and time of change of some files together, without reading them.

    Args:
        paths: of a photo, a recording, a video, or of the two files of a pair.

    Returns:
        int, the sum of their bytes; int, when the newest was changed. (-1, 0) where one cannot be looked at.
    """
    try:
        told = [path.stat() for path in paths]
    except OSError:
        return -1, 0
    return sum(one.st_size for one in told), max(one.st_mtime_ns for one in told)


def identity_of(paths: Sequence[Path]) -> Identity:
    """The identity of some files together; reads them whole.

    Args:
        paths: as in `look_at`.

    Raises:
        FileNotFoundError: nothing is at a path.
        UnreadableMediaError: a folder, a pipe, an empty file, or one that may not be read.
    """
    size_bytes, modified_ns = look_at(paths)  # before reading: a file that grows is read again
    digests = [digest_of(path) for path in paths]
    content = digests[0] if len(digests) == 1 else _of_text("+".join(digests))
    return Identity(content, size_bytes, modified_ns)


def digest_of(path: Path) -> str:
    """32 hex digits, the same for the same bytes.

    Args:
        path: of a file, which is read whole.

    Raises:
        FileNotFoundError: nothing is at this path.
        UnreadableMediaError: a folder, a pipe, an empty file, or one that may not be read.
    """
    read_head(path)  # refuses what must not be opened, such as a pipe
    digest = hashlib.blake2b(digest_size=16)
    try:
        with path.open("rb", buffering=0) as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        raise unreadable_file(path, error) from error
    return digest.hexdigest()


def _of_text(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
