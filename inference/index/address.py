"""Where an index is: a path, or a collection on Milvus; the password is kept apart from the address."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

DEFAULT_PORT = 19530
TOKEN_VARIABLE = "MILVUS_TOKEN"
SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):(//)?", re.IGNORECASE)
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
EXPECTED = (
    "Expected http://host:19530, http://host:19530/collection, http://host:19530/database/collection, the "
    "same with https, or milvus:path/to/birds.db for Milvus Lite in a folder of this machine. Characters of "
    "a password such as / ? # @ are written %2F %3F %23 %40; or put it into the environment variable "
    f"{TOKEN_VARIABLE}."
)


@dataclass(frozen=True)
class MilvusAddress:
    """One collection of one Milvus; as a str it is without user and password."""

    server: str | None  # "http://host:19530"; None for Milvus Lite
    path: Path | None  # of the folder of Milvus Lite; None for a server
    database: str = "default"
    collection: str = "fused_encoder"
    token: str = field(default="", repr=False)  # "user:password" or an API key; empty for none

    def __str__(self) -> str:
        if self.server is None:
            return f"milvus:{self.path}"
        return f"{self.server}/{self.database}/{self.collection}"


def parse_address(uri: str | Path) -> Path | MilvusAddress:
    """The path, or the parts of the address, of an index.

    User and password stand in the address (`http://user:password@host:19530`), or the token in the
    environment variable MILVUS_TOKEN.

    Raises:
        ValueError: no such address or engine; the message repeats nothing that may be a password.
        TypeError: neither str nor Path.
    """
    if not isinstance(uri, str | Path):
        received = type(uri).__name__
        raise TypeError(f"An index is opened by a path (str or Path), received {received}.")
    text = str(uri).strip()
    found = SCHEME.match(text)
    scheme = found[1].lower() if found else ""
    if scheme in ("http", "https") or text.lower().startswith("milvus://"):
        return _on_server(text)
    if isinstance(uri, Path):
        return uri
    if scheme == "milvus":
        if text[len("milvus:") :] in ("", "."):
            raise ValueError(f"The path after 'milvus:' is empty. {EXPECTED}")
        return MilvusAddress(None, Path(text[len("milvus:") :]))
    if found and found[2]:
        raise ValueError(
            f"There is no engine {scheme!r} for an index in this version. Give a path ('birds.index') for "
            "one in a file, or http://host:19530/birds for one on a Milvus server."
        )
    if text in ("", "."):
        raise ValueError("The path of the index is empty. Give a file, such as 'birds.index'.")
    return Path(uri)


def _on_server(uri: str) -> MilvusAddress:
    parts = urlsplit(uri)
    server = _server(parts)
    names = [unquote(name) for name in parts.path.split("/") if name]
    # An @ behind the host: a password with a / in it was cut in two.
    if "@" in parts.path + parts.query + parts.fragment:
        raise ValueError(f"The address has an @ behind the name of the server. {EXPECTED}")
    if len(names) > 2 or parts.query or parts.fragment:
        told = f"That is no address of an index on the Milvus server {server}"
        raise ValueError(f"{told}. {EXPECTED}")
    for name in names:
        if not NAME.fullmatch(name):
            raise ValueError(
                "Databases and collections of Milvus have names of at most 200 letters, digits and "
                f"underscores, and no digit in front, received {name!r}. {EXPECTED}"
            )
    *databases, collection = names or ["fused_encoder"]
    database = databases[0] if databases else "default"
    return MilvusAddress(server, None, database, collection, _token(parts))


def _server(parts: SplitResult) -> str:
    scheme = parts.scheme.lower()
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        # not `from error`: its text repeats a part of the address
        raise ValueError(f"The port of the Milvus server is no number. {EXPECTED}") from None
    if scheme not in ("http", "https") or not host:
        raise ValueError(f"The address names no Milvus server. {EXPECTED}")
    if port is None and scheme == "http":
        port = DEFAULT_PORT
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}" + (f":{port}" if port else "")


def _token(parts: SplitResult) -> str:
    if parts.username is None:
        return os.environ.get(TOKEN_VARIABLE, "")
    user, password = unquote(parts.username), unquote(parts.password or "")
    return f"{user}:{password}" if password else user
