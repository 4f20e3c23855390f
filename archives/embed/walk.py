"""Which files an archive holds: folders walked once each, in an order that is the same every time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path


def walk_inputs(
    inputs: Sequence[str | Path], *, refused: Callable[[Path, str], None] | None = None
) -> Iterator[Path]:
    """The files that are typed, and those in the folders that are typed, at any depth.

    Links are followed; a folder that is reached twice, such as by a link into its own parents, is walked
    once. Names that begin with a dot are left out, within folders. What is typed and is no folder is given
    as it is, whether it exists or not: its absence is the caller's to tell.

    Args:
        inputs: files and folders.
        refused: called with a folder that cannot be listed, and why. Default: such a folder is passed over.
    Yields:
        Paths as typed, or below the folders as typed; sorted within each folder.
    """
    seen: set[str] = set()

    def tell(error: OSError) -> None:
        if refused is not None:
            reason = f"the folder cannot be listed: {error.strerror}. Check its permissions."
            refused(Path(os.fsdecode(error.filename)), reason)

    for given in inputs:
        if not os.path.isdir(given):  # noqa: PTH112 - kept as typed, so that ids are
            yield Path(given)
            continue
        for folder, subfolders, names in os.walk(given, followlinks=True, onerror=tell):
            subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
            if (real := os.path.realpath(folder)) in seen:
                subfolders.clear()
                continue
            seen.add(real)
            yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))
