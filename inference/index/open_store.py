"""The one place that chooses a store by its address."""

from __future__ import annotations

import re
from pathlib import Path

from inference.index.milvus.address import parse_address
from inference.index.milvus_store import MilvusStore
from inference.index.sqlite_store import SqliteStore
from inference.index.store import Store

ENGINE_ADDRESS = re.compile(
    r"^(?P<engine>[a-z][a-z0-9+.-]+)://|^(?P<prefix>milvus):", re.IGNORECASE
)
MILVUS = {"http", "https", "milvus"}


def open_store(uri: str | Path, *, create: bool = True, read_only: bool = False) -> Store:
    """The store at this address: a path is the embedded, durable one; http, https and `milvus:` are Milvus.

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
        return _engine(
            str(uri), (address["engine"] or address["prefix"]).lower(), create, read_only
        )
    if not str(uri) or str(uri) == ".":
        raise ValueError("The path of the index is empty. Give a file, such as 'birds.index'.")
    return SqliteStore(uri, create=create, read_only=read_only)


def _engine(uri: str, engine: str, create: bool, read_only: bool) -> Store:
    if engine not in MILVUS:
        raise ValueError(
            f"There is no engine {engine!r} for an index in this version. Give a path ('birds.index') "
            "for one in a file, or http://host:19530/birds for one on a Milvus server."
        )
    return MilvusStore(parse_address(uri), create=create, read_only=read_only)
