"""Where an index on Milvus is: a server's address, or the path of a Milvus Lite folder; and its names."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

DEFAULT_PORT = 19530
DEFAULT_DATABASE = "default"
DEFAULT_COLLECTION = "fused_encoder"
LITE_PREFIX = "milvus:"
TOKEN_VARIABLE = "MILVUS_TOKEN"
# Milvus allows 255 characters; the names beside it (`<collection>_state_...`) need some of them.
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
EXPECTED = (
    "Expected http://host:19530, http://host:19530/collection, http://host:19530/database/collection, the "
    f"same with https, or {LITE_PREFIX}path/to/birds.db for Milvus Lite in a folder of this machine."
)


@dataclass(frozen=True)
class MilvusAddress:
    """One collection of one Milvus.

    Attributes:
        server: str, "http://host:19530"; None for Milvus Lite.
        path: Path of the folder of Milvus Lite; None for a server.
        database: str, the server's database. Default "default".
        collection: str, the collection that holds the rows. Default "fused_encoder".
        token: str, "user:password" or an API key; empty for none. In no message.
    """

    server: str | None
    path: Path | None
    database: str = DEFAULT_DATABASE
    collection: str = DEFAULT_COLLECTION
    token: str = field(default="", repr=False)

    def __str__(self) -> str:
        """The address without what is secret."""
        if self.server is None:
            return f"{LITE_PREFIX}{self.path}"
        return f"{self.server}/{self.database}/{self.collection}"


def parse_address(uri: str) -> MilvusAddress:
    """The parts of a Milvus address.

    User and password come from the address (`http://user:password@host:19530`), or else the token from the
    environment variable MILVUS_TOKEN.

    Raises:
        ValueError: no such address; the message does not repeat a password.
    """
    if uri[: len(LITE_PREFIX)].lower() == LITE_PREFIX and not uri[len(LITE_PREFIX) :].startswith(
        "//"
    ):
        return _lite(uri[len(LITE_PREFIX) :])
    parts = urlsplit(uri)
    server = _server(parts)
    names = [unquote(name) for name in parts.path.split("/") if name]
    if len(names) > 2 or parts.query or parts.fragment:
        raise ValueError(f"{server}{parts.path} is no address of an index on Milvus. {EXPECTED}")
    *database, collection = names or [DEFAULT_COLLECTION]
    return MilvusAddress(
        server,
        None,
        _checked_name("database", database[0] if database else DEFAULT_DATABASE),
        _checked_name("collection", collection),
        _token(parts),
    )


def _lite(path: str) -> MilvusAddress:
    if not path or path == ".":
        raise ValueError(f"The path after {LITE_PREFIX!r} is empty. {EXPECTED}")
    return MilvusAddress(None, Path(path))


def _server(parts: SplitResult) -> str:
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"The port of the Milvus server is no number. {EXPECTED}") from error
    if parts.scheme.lower() not in {"http", "https"} or not host:
        raise ValueError(f"The address names no Milvus server. {EXPECTED}")
    if ":" in host:
        host = f"[{host}]"
    if port is None and parts.scheme.lower() == "http":
        port = DEFAULT_PORT
    return f"{parts.scheme.lower()}://{host}" + (f":{port}" if port else "")


def _token(parts: SplitResult) -> str:
    if parts.username:
        user, password = unquote(parts.username), unquote(parts.password or "")
        return f"{user}:{password}" if password else user
    return os.environ.get(TOKEN_VARIABLE, "")


def _checked_name(what: str, name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(
            f"A {what} of Milvus is named by at most 200 letters, digits and underscores and begins with no "
            f"digit, received {name!r}. {EXPECTED}"
        )
    return name
