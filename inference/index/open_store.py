"""The one place that chooses a store by its address."""

from __future__ import annotations

import re
from pathlib import Path

from inference.index.sqlite_store import SqliteStore
from inference.index.store import Store

ENGINE_ADDRESS = re.compile(
    r"^(?P<engine>[a-z][a-z0-9+.-]+)://|^(?P<prefix>milvus):", re.IGNORECASE
)


def open_store(uri: str | Path, *, create: bool = True, read_only: bool = False) -> Store:
    """The store at this address: a path is the embedded, durable one.

    Raises:
        ValueError: the address of an engine that this version does not have.
        TypeError: neither str nor Path.
    """
    if not isinstance(uri, str | Path):
        raise TypeError(
            f"An index is opened by a path (str or Path), received {type(uri).__name__}."
        )
    address = ENGINE_ADDRESS.match(str(uri)) if isinstance(uri, str) else None
    if address:
        raise ValueError(
            f"The engine {address['engine'] or address['prefix']!r} of {uri!r} is not available in this "
            "version. Give a path, such as 'birds.index', for the index in a file."
        )
    if not str(uri) or str(uri) == ".":
        raise ValueError("The path of the index is empty. Give a file, such as 'birds.index'.")
    return SqliteStore(uri, create=create, read_only=read_only)
