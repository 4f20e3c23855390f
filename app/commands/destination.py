"""Where results go: looked at before slow work begins."""

from __future__ import annotations

import tempfile
from pathlib import Path


def check_destination(folder: str | Path, marker: str) -> None:
    """Makes the folder, and refuses one that holds something else or cannot be written to.

    Args:
        folder: the user's `--out`.
        marker: the file by which an earlier result of the same kind is known; such a one is replaced.

    Raises:
        FileExistsError: the path is a file, or a folder with other things in it.
        OSError: it cannot be written to.
    """
    path = Path(folder)
    if path.exists() and not path.is_dir():
        raise FileExistsError(f"'{path}' is a file. Choose another --out; a folder is written.")
    if path.is_dir() and any(path.iterdir()) and not (path / marker).exists():
        raise FileExistsError(
            f"The folder '{path}' holds other things (no {marker}); it is left as it is. "
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
