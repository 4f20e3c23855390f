"""A connection to Milvus: to a server, or to Milvus Lite in a folder; its errors in words."""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from inference.index.milvus.address import TOKEN_VARIABLE, MilvusAddress

if TYPE_CHECKING:
    from pymilvus import MilvusClient

SECONDS_TO_CONNECT = 10.0
SECONDS_PER_CALL = 60.0  # the client tries again until then where the server does not answer
NOT_FOUND = 100  # Milvus' own numbers
NO_DATABASE = 800
REFUSED = ("unauthenticated", "auth check failure", "permission deny", "privilegepermissiondenied")
_lite_users: dict[Path, int] = {}  # how many connections of this process use one folder
_lite_lock = threading.Lock()
# Milvus Lite bears one thread at a time that writes, or that looks at a collection while it is renamed.
_lite_turns: dict[Path, threading.RLock] = {}
_lite_names: dict[Path, threading.RLock] = {}


class MilvusError(OSError):
    """Milvus could not do what was asked. `code` is its number of the reason (100: no such collection)."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(errno.EIO, message)
        self.code = code

    def __str__(self) -> str:
        return str(self.strerror)


class Connection:
    """A client of one database.

    Args:
        address: MilvusAddress.
    Raises:
        ImportError: pymilvus (or milvus-lite) is not installed.
        ConnectionError: the server does not answer.
        PermissionError: the token is not accepted.
        OSError: another process holds the folder of Milvus Lite.
    """

    def __init__(self, address: MilvusAddress) -> None:
        self.address = address
        self._client: MilvusClient | None = None
        client_class = _import_client()
        folder = None if address.path is None else address.path.resolve()
        alone = threading.RLock()
        self._turn = alone if folder is None else _lite_turns.setdefault(folder, alone)
        self.naming: AbstractContextManager[object] = (
            nullcontext() if folder is None else _lite_names.setdefault(folder, threading.RLock())
        )
        uri = address.server if folder is None else _start_lite(folder)
        self._folder = folder
        try:
            with _connecting(address):
                self._client = client_class(
                    uri=uri,
                    token=address.token,
                    db_name=address.database,
                    timeout=SECONDS_TO_CONNECT,
                    dedicated=folder
                    is not None,  # a shared one may be of a server that was stopped
                )
        except BaseException:
            self.close()
            raise

    @property
    def client(self) -> MilvusClient:
        """The client of pymilvus.

        Raises:
            ValueError: it was closed.
        """
        if self._client is None:
            raise ValueError(
                f"The index {self.address} is closed. Open it again with EmbeddingIndex.open."
            )
        return self._client

    @contextmanager
    def turn(self, seconds_to_wait: float) -> Iterator[bool]:
        """A turn among the threads of this process, before that among all; whether it came in time."""
        is_ours = self._turn.acquire(timeout=seconds_to_wait)
        try:
            yield is_ours
        finally:
            if is_ours:
                self._turn.release()

    def last_write(self, collection: str) -> int:
        """The server's timestamp of this client's last write; 0 where the client does not tell it."""
        from pymilvus.client.ts_utils import get_collection_ts

        endpoint = getattr(getattr(self.client, "_handler", None), "server_address", "")
        return int(get_collection_ts(collection, endpoint, self.address.database) or 0)

    def close(self) -> None:
        """Let go of it; the last one of a folder of Milvus Lite lets go of the folder."""
        client, self._client = self._client, None
        if client is not None:
            client.close()
        folder, self._folder = self._folder, None
        if folder is not None:
            _leave_lite(folder)


@contextmanager
def errors_in_words(address: MilvusAddress) -> Iterator[None]:
    """Raise what the client raises inside as MilvusError, with the index's address.

    Raises:
        FileNotFoundError: the server has no such database.
        PermissionError: it does not accept the user or token, or they may not do this.
    """
    import grpc
    from pymilvus.exceptions import MilvusException

    try:
        yield
    except (MilvusException, grpc.RpcError) as error:
        raise _in_words(error, address) from error


def _in_words(error: Exception, address: MilvusAddress) -> OSError:
    code = getattr(error, "code", 0)
    code = code if isinstance(code, int) else 0
    if code == NO_DATABASE:
        return FileNotFoundError(
            errno.ENOENT,
            f"The Milvus server has no database {address.database!r}. Create it there first, or leave it out "
            "of the address",
            str(address),
        )
    if any(word in _causes(error) for word in REFUSED):
        return PermissionError(
            errno.EACCES,
            "Milvus does not accept the user or token, or they may not do this. Put it into the environment "
            f"variable {TOKEN_VARIABLE} (user:password, or an API key)",
            str(address),
        )
    return MilvusError(f"Milvus at {address} reports: {getattr(error, 'message', error)}", code)


def _causes(error: BaseException | None) -> str:
    """What is said in the error and in those that it came from; pymilvus names some as their own cause."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        error = error.__cause__
    return " ".join(str(some).lower() for some in seen)


@contextmanager
def _connecting(address: MilvusAddress) -> Iterator[None]:
    try:
        with errors_in_words(address):
            yield
    except MilvusError as error:
        raise ConnectionError(
            f"No Milvus answers at {address.server or address}. Start the server, or check host and port. "
            f"({error})"
        ) from error


def _import_client() -> type[MilvusClient]:
    try:
        from pymilvus import MilvusClient
    except ImportError as error:
        raise ImportError(_extra("An index on Milvus needs pymilvus")) from error
    # It prints each error with its trace to the screen, besides raising it; we raise it in words.
    logging.getLogger("pymilvus.decorators").setLevel(logging.CRITICAL)
    return MilvusClient


def _extra(needed: str) -> str:
    return (
        f"{needed}, which is not installed. Install it with `pip install 'fused-encoder[milvus]'`."
    )


def _start_lite(folder: Path) -> str:
    """Serve this folder inside this process, once for all that use it; the address."""
    try:
        from milvus_lite.server_manager import server_manager_instance as manager
    except ImportError as error:
        raise ImportError(_extra("An index on Milvus Lite needs milvus-lite")) from error
    logging.getLogger("milvus_lite").addHandler(logging.NullHandler())  # as `_import_client`
    with _lite_lock:
        uri = manager.start_and_get_uri(str(folder))
        if uri is None:
            raise MilvusError(
                f"The Milvus Lite folder {folder} cannot be opened: another process has it open, or it may "
                "not be written. One process at a time can use it; for more, use a Milvus server."
            )
        _lite_users[folder] = _lite_users.get(folder, 0) + 1
    return str(uri)


def _leave_lite(folder: Path) -> None:
    from milvus_lite.server_manager import server_manager_instance as manager

    with _lite_lock:
        _lite_users[folder] -= 1
        if not _lite_users[folder]:
            del _lite_users[folder]
            manager.release_server(str(folder))
