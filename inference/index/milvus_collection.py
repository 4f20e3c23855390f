"""One collection of Milvus by pymilvus, with errors that say what to do."""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inference.index.address import TOKEN_VARIABLE, MilvusAddress
from inference.index.rows import StoreSettings

SECONDS_TO_CONNECT = 10.0
SECONDS_PER_CALL = 60.0
MOST_BYTES = 65_535  # of a text in Milvus
MOST_FACETS = 4096  # of one row
FIELDS = {"key", "position", "id", "metadata", "facets", "embedding"}
FINGERPRINT = "fused_encoder.fingerprint"  # a property of the collection
REFUSED = ("unauthenticated", "auth check failure", "permission deny", "privilegepermissiondenied")
NO_COLLECTION, NO_DATABASE = 100, 800  # Milvus' own numbers


class MilvusCollection:
    """The collection at an address, which may not be there yet.

    Raises:
        ImportError: pymilvus (or milvus-lite) is not installed.
        OSError: nothing answers (ConnectionError), or the token is not accepted (PermissionError).
        ValueError: another program made the collection, or the folder.
    """

    def __init__(self, address: MilvusAddress, *, may_create: bool) -> None:
        self._address = address
        # Any: pymilvus.MilvusClient, whose types are those of a server only
        self._client: Any = None
        client_class = _client_class()
        if address.path is not None:
            _check_folder(address.path, may_create=may_create)
        with self._errors_in_words(ConnectionError):
            self._client = client_class(
                uri=address.server or str(address.path),
                token=address.token,
                db_name=address.database,
                timeout=SECONDS_TO_CONNECT,
                dedicated=True,
            )
        if self.exists():
            self.call("load_collection")
        else:
            with self._errors_in_words():
                self._client.list_collections(timeout=SECONDS_PER_CALL)  # is the database there?

    def call(self, name: str, /, *arguments: object, **options: object) -> Any:
        """What a method of pymilvus' client gives for this collection (Any: of many types)."""
        if self._client is None:
            told = f"The index {self._address} is closed"
            raise ValueError(f"{told}. Open it again with EmbeddingIndex.open.")
        with self._errors_in_words():
            call = getattr(self._client, name)
            return call(self._address.collection, *arguments, timeout=SECONDS_PER_CALL, **options)

    def exists(self) -> bool:
        """Whether the collection is there; ValueError if it is another program's."""
        return self._described() is not None

    def settings(self) -> StoreSettings:
        """The encoder and size that it accepts; None where it is not there yet."""
        found = self._described()
        if found is None:
            return StoreSettings(None, None)
        sizes = {field["name"]: field["params"].get("dim") for field in found["fields"]}
        return StoreSettings(found.get("properties", {}).get(FINGERPRINT), int(sizes["embedding"]))

    def _described(self) -> dict[str, Any] | None:
        from pymilvus.exceptions import MilvusException

        try:
            found = self.call("describe_collection")
        except OSError as error:
            reason = error.__cause__
            if isinstance(reason, MilvusException) and reason.code == NO_COLLECTION:
                return None
            raise
        if not {field["name"] for field in found["fields"]} >= FIELDS:
            told = f"The collection {self._address} is no embedding index. It was left as it is"
            raise ValueError(f"{told}. Give another collection in the address.")
        return dict(found)

    def create(self, embedding_size: int) -> None:
        """Make the collection, with consistency "Strong": each call sees what was written before it."""
        from pymilvus import DataType

        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("key", DataType.INT64, is_primary=True)
        schema.add_field("position", DataType.INT64)
        schema.add_field("id", DataType.VARCHAR, max_length=MOST_BYTES)
        schema.add_field("metadata", DataType.VARCHAR, max_length=MOST_BYTES)
        numbers = {"element_type": DataType.INT64, "max_capacity": MOST_FACETS}
        schema.add_field("facets", DataType.ARRAY, **numbers)
        schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=embedding_size)
        exact = self._client.prepare_index_params()
        exact.add_index("embedding", index_type="FLAT", metric_type="COSINE")
        self.call("create_collection", schema=schema, consistency_level="Strong")
        self.call("create_index", exact, sync=False)
        self.call("load_collection")

    def set_fingerprint(self, fingerprint: str) -> None:
        """Note the encoder that the embeddings are of."""
        self.call("alter_collection_properties", properties={FINGERPRINT: fingerprint})

    def close(self) -> None:
        """Let go of the connection; a second call does nothing."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    @contextmanager
    def _errors_in_words(self, otherwise: type[OSError] = OSError) -> Iterator[None]:
        import grpc
        from pymilvus.exceptions import MilvusException

        try:
            yield
        except (MilvusException, grpc.RpcError) as error:
            raise _in_words(error, self._address, otherwise) from error


def _client_class() -> Any:
    try:
        from pymilvus import MilvusClient
    except ImportError as error:
        raise ImportError(
            "An index on Milvus needs pymilvus, which is not installed. Install it with "
            "`pip install 'fused-encoder[milvus]'`."
        ) from error
    # They print each error with its trace, besides raising it; it is raised here in words.
    for name in ("pymilvus", "milvus_lite"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return MilvusClient


def _check_folder(path: Path, *, may_create: bool) -> None:
    """Refuse a path that is no folder of Milvus Lite, before anything is made there."""
    if path.suffix != ".db":
        raise ValueError(f"The name of a Milvus Lite folder must end in .db, received {path}.")
    if path.is_file() or (path.is_dir() and not (path / "LOCK").exists()):
        raise ValueError(f"{path} is no folder of Milvus Lite. It was left as it is.")
    if not path.exists() and not may_create:
        told = f"There is no index milvus:{path}"
        raise FileNotFoundError(f"{told}. Check the path, or open it with create=True.")


def _in_words(error: BaseException, address: MilvusAddress, otherwise: type[OSError]) -> OSError:
    causes = [error]
    while (cause := causes[-1].__cause__) is not None and cause not in causes:
        causes.append(cause)
    if getattr(error, "code", 0) == NO_DATABASE:
        told = f"The Milvus server has no database {address.database!r}. Create it there first"
        return FileNotFoundError(errno.ENOENT, told, str(address))
    if any(word in str(cause).lower() for word in REFUSED for cause in causes):
        told = (
            "Milvus does not accept the user or token, or they may not do this. Put it into the environment "
            f"variable {TOKEN_VARIABLE} (user:password, or an API key)"
        )
        return PermissionError(errno.EACCES, told, str(address))
    if otherwise is ConnectionError:
        return ConnectionError(
            f"No Milvus answers at {address.server or address}. Start the server, or check host and port; "
            f"one process at a time can use a folder of Milvus Lite. ({error})"
        )
    return OSError(errno.EIO, f"Milvus reports: {getattr(error, 'message', error)}", str(address))
