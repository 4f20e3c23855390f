"""Whether a file is the one that was embedded: by size and time of change, else by its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from media.files import read_head, unreadable_file


@dataclass(frozen=True)
class Identity:
    """What a source was when it was read.

    Attributes:
        content: 32 hex digits, the same for the same bytes; empty where they cannot be read.
        size_bytes: int, of its files together; -1 where they cannot be looked at.
        modified_ns: int, when the newest was changed, since 1970.
    """

    content: str = ""
    size_bytes: int = -1
    modified_ns: int = 0


def look_at(paths: Sequence[Path]) -> Identity:
    """Size and time of change of the files of a source, which are not read."""
    try:
        stats = [path.stat() for path in paths]
    except OSError:
        return Identity()
    return Identity("", sum(one.st_size for one in stats), max(one.st_mtime_ns for one in stats))


def identity_of(paths: Sequence[Path]) -> Identity:
    """The identity of the files of a source; reads them whole.

    Args:
        paths: of a photo, a recording, a video, or of the two files of a pair.

    Raises:
        FileNotFoundError: nothing is at a path.
        UnreadableMediaError: a folder, a pipe, an empty file, or one that may not be read.
    """
    looks = look_at(paths)  # before reading: a file that grows is read again
    digests = [digest_of(path) for path in paths]
    content = digests[0]
    if len(digests) > 1:
        content = hashlib.blake2b("+".join(digests).encode(), digest_size=16).hexdigest()
    return Identity(content, looks.size_bytes, looks.modified_ns)


def digest_of(path: Path) -> str:
    """32 hex digits, the same for the same bytes.

    Args:
        path: of a file, which is read whole.

    Raises:
        FileNotFoundError: nothing is at this path.
        UnreadableMediaError: a folder, a pipe, an empty file, or one that may not be read.
    """
    read_head(path)  # refuses what must not be opened, such as a pipe
    try:
        with path.open("rb", buffering=0) as file:
            return hashlib.file_digest(file, partial(hashlib.blake2b, digest_size=16)).hexdigest()
    except OSError as error:
        raise unreadable_file(path, error) from error
