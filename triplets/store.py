"""The store: what was computed once, in files named by what it was computed from and how."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import logging
import os
import threading
import time
import tokenize
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from fused_encoder.weights import cache_directory
from media import UnreadableMediaError

logger = logging.getLogger(__name__)

SETTLED_SECONDS = 2.0
"""A file younger than this may change once more within the same tick of a coarse clock (FAT's)."""

_SCHEMA = 1
_LOADING = threading.Lock()


def load_feature(path: Path) -> np.ndarray:
    """A stored array, mapped into memory.

    Headers are read by one thread at a time: NumPy parses them with Python's own parser, which fails
    now and then where threads use it at once ("AST constructor recursion depth mismatch", CPython 3.11).
    """
    with _LOADING:
        return np.load(path, mmap_mode="r")


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
        """The .npy file that holds what `compute` gives, computed only if it is not there or damaged.

        Args:
            key: names the feature; letters, digits and `-`.
            compute: gives the array, of any dtype and shape.

        Raises:
            OSError: the disk is full or not writable; what was stored before stays.
        """
        return self.find(key) or self.put(key, compute())

    def find(self, key: str) -> Path | None:
        """The file of a feature, or None if it is not there or damaged."""
        path = self.path(key)
        return path if _is_whole(path) else None

    def put(self, key: str, array: np.ndarray, notes: Sequence[str] = ()) -> Path:
        """Stores a feature, in place of the one that was there; gives its .npy file.

        Args:
            key: as in `get`.
            array: of any dtype and shape.
            notes: what is to be said whenever the feature is used, each with one `%s` for the name of
                the file that it was made from.

        Raises:
            OSError: the disk is full or not writable; what was stored before stays.
        """
        path = self.path(key)
        in_memory = io.BytesIO()  # written straight to a full disk, NumPy's error names no errno
        np.save(in_memory, array)
        try:
            if notes:  # before the feature: where this is, its notes are too
                _write_whole(_notes_path(path), json.dumps(list(notes)).encode())
            _write_whole(path, in_memory.getbuffer())
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


class ContentHashes:
    """SHA-256 of files, remembered from run to run by size, times and inode.

    Reading every file to hash it would take most of the time of a run in which nothing is to be
    computed. A file that was touched, replaced or moved is read again, and so is one that was younger
    than two seconds when it was hashed. Used as a context: what was learnt is written on leaving it, one
    small JSON file per folder. Safe to use from several threads.

    Args:
        directory: where to remember; made when something is written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, list]] = {}
        self._learnt: dict[str, dict[str, list]] = defaultdict(dict)

    def __enter__(self) -> ContentHashes:
        return self

    def __exit__(self, *_: object) -> None:
        self.save()

    def of(self, path: Path) -> str:
        """SHA-256 of a file's bytes, in hex.

        Raises:
            UnreadableMediaError: the file cannot be opened.
        """
        folder, name = os.path.split(os.path.abspath(path))  # noqa: PTH100 (keeps links)
        known = self._in_folder(folder).get(name)
        try:
            status = path.stat()
            if known is not None and known[:-1] == _stamp(status):
                return known[-1]
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise UnreadableMediaError(path, f"it cannot be opened: {error.strerror}") from error
        youngest_ns = max(status.st_mtime_ns, status.st_ctime_ns)
        if time.time_ns() - youngest_ns > SETTLED_SECONDS * 1e9:
            with self._lock:
                self._learnt[folder][name] = [*_stamp(status), content]
        return content

    def save(self) -> None:
        """Writes what was learnt. Where that is not possible, the next run reads the files again."""
        for folder, learnt in self._learnt.items():
            place = self._place(folder)
            try:
                present = set(os.listdir(folder))  # noqa: PTH208 (names alone)
                known = {n: seen for n, seen in _load(place, folder).items() if n in present}
                document = {"schema": _SCHEMA, "folder": folder, "files": {**known, **learnt}}
                _write_whole(place, json.dumps(document).encode())
            except OSError as error:
                logger.info("Hashes of the files in '%s' are not remembered: %s", folder, error)
        self._learnt.clear()

    def _in_folder(self, folder: str) -> dict[str, list]:
        with self._lock:
            if folder not in self._known:
                self._known[folder] = _load(self._place(folder), folder)
            return self._known[folder]

    def _place(self, folder: str) -> Path:
        return self._directory / f"{hashlib.sha256(os.fsencode(folder)).hexdigest()[:32]}.json"


def _stamp(status: os.stat_result) -> list[int]:
    """What tells that a file is as it was when it was hashed."""
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _load(place: Path, folder: str) -> dict[str, list]:
    """What is remembered of a folder, a stamp and the hash of each file; nothing where that is damaged."""
    try:
        document = json.loads(place.read_bytes())
        if document["schema"] != _SCHEMA or document["folder"] != folder:
            return {}
        files = document["files"].items()
        return {name: seen for name, seen in files if len(seen) == 5 and isinstance(seen[-1], str)}
    except OSError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        logger.info("'%s' is damaged (%s); the files are hashed again.", place, error)
        return {}


def _write_whole(path: Path, content: bytes | memoryview) -> None:
    """As `media.atomic`, with a temporary name of its own for each process and thread."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
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
        load_feature(path)
    except FileNotFoundError:
        return False
    except (ValueError, EOFError, tokenize.TokenError):  # the last: NumPy's, of a garbled header
        logger.warning("The stored feature '%s' is damaged; computing it again.", path)
        return False
    return True
