"""Files appear whole or not at all: written under a temporary name, then renamed."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """A temporary path that takes the place of `path` when the block ends without an error.

    A full disk or an interrupt leaves the old file, or none, never half of one. Several processes or
    threads may write the same file: the last one wins. The folder must exist.

    The temporary path lies in the same folder and ends with the same extension.

    Example:
        >>> with atomic_file("scores.npy") as temporary:
        ...     np.save(temporary, scores)
    """
    path = Path(path)
    # A short name: the user's own may already be as long as a name can be.
    temporary = path.with_name(f".part-{uuid.uuid4().hex}{path.suffix[:8]}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: str | Path, content: bytes | memoryview) -> Path:
    """Writes a file by `atomic_file`, makes the folders that are missing, and returns the path."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(target) as temporary, temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return target


def write_text_atomically(path: str | Path, text: str) -> Path:
    """`write_atomically` of UTF-8 text; names that are not UTF-8 (as Linux allows) keep their bytes."""
    return write_atomically(path, text.encode("utf-8", errors="surrogateescape"))
