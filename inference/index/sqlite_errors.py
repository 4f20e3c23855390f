"""What SQLite reports, in words that say what happened to the rows and what to do."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def damaged(path: Path, fault: str) -> str:
    """The message for an index file that is not what was written."""
    return (
        f"The index {path} is damaged: {fault}. Restore it from a copy, or save what can be read with "
        f"`fused-encoder index recover {path} recovered.index`."
    )


@contextmanager
def errors_in_words(path: Path, seconds_to_wait: float) -> Iterator[None]:
    """Raise what SQLite raises inside as ValueError (damage), OSError or TimeoutError."""
    try:
        yield
    except sqlite3.Error as error:
        raise _in_words(error, path, seconds_to_wait) from error
    except UnicodeDecodeError as error:  # SQLite quotes damaged bytes in its own message
        raise ValueError(damaged(path, "its schema is not readable")) from error


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection holds what this one wanted."""
    return _code(error) == sqlite3.SQLITE_BUSY


def _code(error: sqlite3.Error) -> int:
    """The primary result code; -1 where the error did not come from SQLite itself."""
    extended: int = getattr(error, "sqlite_errorcode", -1)
    return extended & 0xFF if extended >= 0 else -1


def _in_words(error: sqlite3.Error, path: Path, seconds_waited: float) -> Exception:
    code = _code(error)
    if code == sqlite3.SQLITE_FULL:
        return OSError(
            errno.ENOSPC,
            "The disk is full, nothing of this call was written and all earlier rows are safe. "
            "Free some space and call again",
            str(path),
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return TimeoutError(
            f"Another process has been writing to the index {path} for {seconds_waited:g} s. Nothing of this "
            "call was written. Wait until it is done and call again."
        )
    if code == sqlite3.SQLITE_NOTADB:
        return ValueError(
            f"{path} is no embedding index (it does not begin as one does), or its first bytes are damaged. "
            "It was left as it is. Give another path; or, if it was an index, restore it from a copy, or "
            f"save what can be read with `fused-encoder index recover {path} recovered.index`."
        )
    if code == sqlite3.SQLITE_CORRUPT:
        return ValueError(damaged(path, str(error)))
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return PermissionError(
            errno.EACCES,
            f"The index cannot be opened as it stands ({error}). It may not have been closed: then what was "
            "last written is in the file beside it that ends in -wal, and the folder must be writable. "
            "Check the rights, or copy both files to where you may write",
            str(path),
        )
    if code == sqlite3.SQLITE_IOERR:
        return OSError(
            errno.EIO,
            f"Reading or writing the index failed ({error}); nothing of this call was written. Check "
            "the disk",
            str(path),
        )
    if code == sqlite3.SQLITE_ERROR and str(error).startswith("no such table"):
        return ValueError(damaged(path, str(error)))
    return error
