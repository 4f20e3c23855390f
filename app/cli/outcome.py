"""Where results go, exit codes, the list of skipped inputs, tables; and TensorFlow loaded quietly."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

DONE, DONE_WITH_SKIPPED, ERROR = 0, 1, 2
INTERRUPTED = 130


class SkippedInput(Protocol):
    """A file that could not be used, and why."""

    @property
    def path(self) -> Path: ...  # noqa: D102

    @property
    def reason(self) -> str: ...  # noqa: D102


def check_destination(folder: str | Path, *markers: str) -> None:
    """Makes the folder, and refuses one that holds something else or cannot be written to.

    Args:
        folder: the user's `--out`.
        markers: files or folders, any of which shows an earlier result of the same kind; such a one is
            replaced.

    Raises:
        FileExistsError: the path is a file, or a folder with other things in it.
        OSError: it cannot be written to.
    """
    path = Path(folder)
    if path.exists() and not path.is_dir():
        raise FileExistsError(f"'{path}' is a file. Choose another --out; a folder is written.")
    is_ours = any((path / marker).exists() for marker in markers)
    if path.is_dir() and any(path.iterdir()) and not is_ours:
        raise FileExistsError(
            f"The folder '{path}' holds other things (no {markers[0]}); it is left as it is. "
            "Choose another --out."
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise OSError(
            f"Cannot write to '{path}': {error.strerror}. Choose another --out."
        ) from error


def outcome(skipped: Iterable[SkippedInput]) -> int:
    """Lists skipped files on standard error; 0 where there are none, else 1."""
    listed = list(skipped)
    if not listed:
        return DONE
    print(f"Skipped {len(listed)} input{'s' if len(listed) > 1 else ''}:", file=sys.stderr)
    for file in listed:
        print(f"  {file.path}: {file.reason}", file=sys.stderr)
    return DONE_WITH_SKIPPED


def table(rows: Iterable[Iterable[object]], header: Iterable[str]) -> str:
    """Aligned columns; floats with three decimals."""
    lines = [[_text(cell) for cell in row] for row in (list(header), *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _text(cell: object) -> str:
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)


def import_tensorflow_quietly() -> None:
    """Imports TensorFlow without what its libraries write to standard error."""
    with silent_stderr(), suppress(ImportError):  # the command, or `doctor`, reports it
        importlib.import_module("tensorflow")


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Discards what C libraries write to file descriptor 2; Python's own messages still appear."""
    sys.stderr.flush()
    descriptor, stream = os.dup(2), sys.stderr
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device
        os.dup2(nowhere.fileno(), 2)
    try:
        if stream is sys.__stderr__:
            sys.stderr = os.fdopen(os.dup(descriptor), "w", buffering=1)
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = stream
        os.dup2(descriptor, 2)
        os.close(descriptor)
