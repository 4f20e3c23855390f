"""The store: what was computed once, in files named by what it was computed from and how."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import threading
import tokenize
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from fused_encoder.weights import cache_directory

logger = logging.getLogger(__name__)


class FeatureStore:
    """A folder of features, each in a file named by its content and by what made it.

    Files appear whole or not at all, so that a run that was interrupted goes on where it stopped, and
    several processes may share a store.

    Args:
        directory: where features are kept. Default: `features` in the user's cache
            (`FUSED_ENCODER_CACHE`, else `~/.cache/fused-encoder`).
    """

    def __init__(self, directory: str | Path | None = None) -> None:
        self.directory = Path(directory) if directory else cache_directory() / "features"

    def get(self, key: str, compute: Callable[[], np.ndarray]) -> Path:
        """The file that holds what `compute` gives, computed only if it is not there or damaged.

        Args:
            key: names the feature; letters, digits and `-`.
            compute: gives the array, of any dtype and shape.

        Returns:
            Path of a .npy file.

        Raises:
            OSError: the disk is full or not writable; what was stored before stays.
        """
        return self.find(key) or self.put(key, compute())

    def find(self, key: str) -> Path | None:
        """The file of a feature, or None if it is not there or damaged."""
        path = self.path(key)
        return path if _is_whole(path) else None

    def put(self, key: str, array: np.ndarray, notes: Sequence[str] = ()) -> Path:
        """Stores a feature, in place of the one that was there.

        Args:
            key: as in `get`.
            array: of any dtype and shape.
            notes: what is to be said whenever the feature is used, each with one `%s` for the name of
                the file that it was made from.

        Returns:
            Path of a .npy file.

        Raises:
            OSError: the disk is full or not writable; what was stored before stays.
        """
        path = self.path(key)
        in_memory = io.BytesIO()  # written straight to a full disk, NumPy's error names no errno
        np.save(in_memory, array)
        try:
            if notes:  # before the feature: where this is, its notes are too
                write_whole(_notes_path(path), json.dumps(list(notes)).encode())
            write_whole(path, in_memory.getbuffer())
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise OSError(
                    errno.ENOSPC,
                    f"The disk is full: no room for features in '{self.directory}'. Free some, or set "
                    "FUSED_ENCODER_CACHE to another disk, and run again: it goes on where it stopped",
                ) from error
            raise
        return path

    def notes(self, key: str) -> tuple[str, ...]:
        """The notes that a feature was stored with; none if they are damaged."""
        path = _notes_path(self.path(key))
        try:
            return tuple(map(str, json.loads(path.read_bytes())))
        except FileNotFoundError:
            return ()
        except (ValueError, TypeError):
            logger.warning("The notes in '%s' are damaged; passed over.", path)
            return ()

    def path(self, key: str) -> Path:
        """Where a feature is stored, or would be."""
        return self.directory / key[:2] / f"{key}.npy"


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Writes a file that appears whole or not at all, whoever else writes it; makes its folder.

    Raises:
        OSError: the disk is full or not writable; what was there before stays.
    """
    writer = f"{os.getpid()}-{threading.get_ident()}"
    temporary = path.with_name(f"{path.name}.{writer}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _notes_path(path: Path) -> Path:
    return path.with_suffix(".notes.json")


def _is_whole(path: Path) -> bool:
    try:
        np.load(path, mmap_mode="r")
    except FileNotFoundError:
        return False
    except (ValueError, EOFError, tokenize.TokenError):  # the last: NumPy's, of a garbled header
        logger.warning("The stored feature '%s' is damaged; computing it again.", path)
        return False
    return True
