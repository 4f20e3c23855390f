"""Files beside an index: where they are, and a lock on one that may be replaced while others wait for it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def beside(path: Path, ending: str) -> Path:
    """The file beside an index with this ending of its name; links are followed, as SQLite does."""
    real = path.resolve()
    return real.with_name(f"{real.name}{ending}")


@contextmanager
def locked_file(path: Path, seconds_to_wait: float) -> Iterator[int]:
    """The open file (empty if it was not there), which no other process writes meanwhile.

    Raises:
        OSError: it cannot be written; TimeoutError: another process writes it for longer than that.
    """
    deadline = time.monotonic() + seconds_to_wait
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            _lock(descriptor, deadline, path)
            if _is_at(descriptor, path):  # else it was replaced while this process waited
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _lock(descriptor: int, deadline: float, path: Path) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"another process is writing {path}") from None
            time.sleep(0.005)
