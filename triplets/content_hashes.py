"""What files hold, by hash: files that have not changed since the last run are not read again."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from media import UnreadableMediaError
from triplets.store import write_whole

logger = logging.getLogger(__name__)

SETTLED_SECONDS = 2.0
"""A file younger than this may change once more within the same tick of a coarse clock (FAT's)."""

_SCHEMA = 1


class Seen(NamedTuple):
    """What tells that a file is as it was when it was hashed. Any change sets the change time."""

    num_bytes: int
    modified_ns: int
    changed_ns: int
    inode: int
    content: str


class ContentHashes:
    """SHA-256 of files, remembered from run to run by size, times and inode.

    Reading every file to hash it would take most of the time of a run in which nothing is to be
    computed. A file that was touched, replaced or moved is read again, and so is one that was younger
    than two seconds when it was hashed. What is remembered of a folder lies in one small JSON file;
    processes that write it at once lose no more than some memory. To be used as a context: what was
    learnt is written on leaving it. Safe to use from several threads.

    Args:
        directory: where to remember; made when something is written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Seen]] = {}
        self._learnt: dict[str, dict[str, Seen]] = defaultdict(dict)

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
            if known is not None and known == _seen(status, known.content):
                return known.content
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise UnreadableMediaError(path, f"it cannot be opened: {error.strerror}") from error
        youngest_ns = max(status.st_mtime_ns, status.st_ctime_ns)
        if time.time_ns() - youngest_ns > SETTLED_SECONDS * 1e9:
            with self._lock:
                self._learnt[folder][name] = _seen(status, content)
        return content

    def save(self) -> None:
        """Writes what was learnt. Where that is not possible, the next run reads the files again."""
        for folder, learnt in self._learnt.items():
            place = self._place(folder)
            try:
                present = set(os.listdir(folder))  # noqa: PTH208 (names alone)
                known = {n: seen for n, seen in _load(place, folder).items() if n in present}
                document = {"schema": _SCHEMA, "folder": folder, "files": {**known, **learnt}}
                write_whole(place, json.dumps(document).encode())
            except OSError as error:
                logger.info("Hashes of the files in '%s' are not remembered: %s", folder, error)
        self._learnt.clear()

    def _in_folder(self, folder: str) -> dict[str, Seen]:
        with self._lock:
            if folder not in self._known:
                self._known[folder] = _load(self._place(folder), folder)
            return self._known[folder]

    def _place(self, folder: str) -> Path:
        return self._directory / f"{hashlib.sha256(os.fsencode(folder)).hexdigest()[:32]}.json"


def _seen(status: os.stat_result, content: str) -> Seen:
    return Seen(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, content)


def _load(place: Path, folder: str) -> dict[str, Seen]:
    """What is remembered of a folder; nothing where that is damaged or of another version."""
    try:
        document = json.loads(place.read_bytes())
        if document["schema"] != _SCHEMA or document["folder"] != folder:
            return {}
        files = {name: Seen(*values) for name, values in document["files"].items()}
        return {name: seen for name, seen in files.items() if isinstance(seen.content, str)}
    except OSError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        logger.info("'%s' is damaged (%s); the files are hashed again.", place, error)
        return {}
