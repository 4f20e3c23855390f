"""Files appear whole or not at all: written under a temporary name, then renamed."""

from __future__ import annotations

import os
from pathlib import Path


def write_atomically(path: str | Path, content: bytes) -> Path:
    """Writes a file; a crash leaves the old one, or none, never half of the new one.

    Folders that are missing are made.

    Args:
        path: of the file.
        content: its bytes.
    Returns:
        The path.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{target.name}.part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


def write_text_atomically(path: str | Path, text: str) -> Path:
    """As `write_atomically`, of UTF-8 text.

    A file name that is not UTF-8 (as Linux allows) keeps its bytes.
    """
    return write_atomically(path, text.encode("utf-8", errors="surrogateescape"))
