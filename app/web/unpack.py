"""What is taken out of a zip: files under names of our own, as many and as large as the limits allow."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from uuid import uuid4

from media import UnreadableMediaError

METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""Others may ask for gigabytes to unpack a few bytes."""

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class UnpackTask:
    """A zip, the folder for what is in it, and the limits."""

    path: Path
    folder: Path
    most_files: int
    most_bytes: int


def unpack(task: UnpackTask) -> Iterator[tuple[str, str]]:
    """(name inside the zip, name in the folder) of each file; UnreadableMediaError for the whole zip.

    Runs in a worker process. The sizes that a zip announces are checked first, and what really comes out
    again, since they may lie. Names only say where a file is refused: no path is made of them.
    """
    try:
        with zipfile.ZipFile(task.path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            _check(task, entries)
            left = task.most_bytes
            for entry in entries:
                target = task.folder / uuid4().hex
                left = _copy(task, archive, entry, target, left)
                yield entry.filename, target.name
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise UnreadableMediaError(task.path, f"the zip is damaged ({error}).") from error


def _check(task: UnpackTask, entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > task.most_files:
        raise _refusal(
            task, f"it holds {len(entries):,} files, at most {task.most_files:,} are taken"
        )
    if (num_bytes := sum(entry.file_size for entry in entries)) > task.most_bytes:
        raise _too_large(task, num_bytes)
    for entry in entries:
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
            raise _refusal(task, f"'{entry.filename}' leads out of it")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise _refusal(task, f"'{entry.filename}' is a link")
        if entry.flag_bits & 1:
            raise _refusal(task, "it is encrypted")
        if entry.compress_type not in METHODS:
            raise _refusal(task, f"'{entry.filename}' is packed by another method than deflate")


def _copy(
    task: UnpackTask, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, left: int
) -> int:
    with archive.open(entry) as source, target.open("xb") as file:
        while block := source.read(_BLOCK_BYTES):
            left -= len(block)
            if left < 0:
                raise _too_large(task, task.most_bytes - left)
            file.write(block)
    return left


def _too_large(task: UnpackTask, num_bytes: int) -> UnreadableMediaError:
    size, most = (f"{number / 1e6:,.1f} MB" for number in (num_bytes, task.most_bytes))
    return _refusal(task, f"it unpacks to {size} or more, at most {most} are taken")


def _refusal(task: UnpackTask, problem: str) -> UnreadableMediaError:
    return UnreadableMediaError(task.path, f"{problem}. Nothing of it was used.")
