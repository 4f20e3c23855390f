"""The files of an archive, in order, and the folders that keep theirs to themselves."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path


def walk_archive(
    inputs: Sequence[str | Path], on_closed_folder: Callable[[OSError], None]
) -> Iterator[Path]:
    """Every file in files and folders, sorted within each folder.

    Hidden files and folders are left out. Links are followed, but each real folder is entered once: links
    that lead into their own parents end there. Names are kept as the operating system has them.

    Args:
        inputs: files or folders.
        on_closed_folder: told of each folder that cannot be listed; the walk goes on.
    Yields:
        Path, as typed with what lies below it. A file that is given twice comes once.
    """
    entered: set[tuple[int, int]] = set()
    given_files: set[str] = set()
    for given in [os.fspath(given) for given in inputs]:
        if not os.path.isdir(given):  # noqa: PTH112 - names that are not UTF-8 stay as they are
            if given not in given_files:
                given_files.add(given)
                yield Path(given)
            continue
        for folder, subfolders, names in os.walk(given, followlinks=True, onerror=on_closed_folder):
            subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
            status = os.stat(folder)  # noqa: PTH116
            identity = (status.st_dev, status.st_ino)
            if identity in entered:
                subfolders.clear()
                continue
            entered.add(identity)
            yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))
