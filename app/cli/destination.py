"""Where results go: looked at before slow work begins."""

from __future__ import annotations

import tempfile
from pathlib import Path


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
