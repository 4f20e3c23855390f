"""The store on Milvus: the same rows and answers as the embedded one, on a server for many machines."""

from __future__ import annotations

import errno
import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from inference.embeddings import Embeddings
from inference.index.address import TOKEN_VARIABLE, MilvusAddress
from inference.index.exact_scan import ROUNDING, SPARE, ranked
from inference.index.rows import (
    Approximation,
    Filter,
    Hit,
    LogEntry,
    Metadata,
    Row,
    Scalar,
    StoreSettings,
    check_same_encoder,
    in_order,
    only_new,
)

SECONDS_TO_CONNECT = 10.0
SECONDS_PER_CALL = 60.0
ROWS_AT_ONCE = 1000
MOST_RESULTS = 16_384  # of one search on Milvus
BYTES_OF_AN_ANSWER = 32 * 2**20
MOST_BYTES = 65_535  # of a text in Milvus
MOST_VALUES = 2048  # metadata of a row
FINGERPRINT = "fused_encoder.fingerprint"  # a property of the collection
REFUSED = ("unauthenticated", "auth check failure", "permission deny", "privilegepermissiondenied")
NO_DATABASE = 800  # Milvus' own number
FIELDS = ["id", "position", "metadata", "embedding"]
Entity = dict[str, Any]  # Any: the client's own type of a row, field by name


class MilvusStore:
    """Rows in one collection of Milvus, with consistency "Strong": each call sees what was written before it.

    A call that is killed may have written some of its rows; adding them again completes it. Several writers
    do not wait for each other: of two that write one row the later one wins. The methods are those of
    `EmbeddingIndex`.

    Args:
        address: MilvusAddress.
        create: whether to start a new index where there is none.
        read_only: whether to change nothing.
    """

    def __init__(
        self, address: MilvusAddress, *, create: bool = True, read_only: bool = False
    ) -> None:
        self.address = str(address)
        self._location = f"The index {address}"
        self._address, self._name, self._is_read_only = address, address.collection, read_only
        self._client: Any = None  # pymilvus.MilvusClient; its types describe a server only
        client_class = _client_class()
        if address.path is not None:
            _check_folder(address.path, create=create and not read_only)
        with self._errors_in_words(ConnectionError):
            self._client = client_class(
                uri=address.server or str(address.path),
                token=address.token,
                db_name=address.database,
                timeout=SECONDS_TO_CONNECT,
                dedicated=True,
            )
        if self._described() is not None:
            with self._errors_in_words():
                self._client.load_collection(self._name, timeout=SECONDS_PER_CALL)
        elif read_only or not create:
            raise FileNotFoundError(
                f"There is no index {address}. Check the address, or open it with create=True."
            )

    def settings(self) -> StoreSettings:  # noqa: D102
        described = self._described()
        if described is None:
            return StoreSettings(None, None)
        sizes = [
            field["params"]["dim"] for field in described["fields"] if field["name"] == "embedding"
        ]
        return StoreSettings(described.get("properties", {}).get(FINGERPRINT), int(sizes[0]))

    def add(self, ids: Sequence[str], embeddings: Embeddings, metadata: Sequence[Metadata]) -> int:  # noqa: D102
        self._check_may_write()
        if len(embeddings):
            self._adopt(embeddings)
        stored = {id_: _row(entity) for id_, entity in self._stored(ids).items()}
        new = only_new(ids, embeddings, metadata, stored, self._location)
        first = time.time_ns()  # positions order rows as they were added, whoever adds them
        self._write([_entity(ids[row], embeddings[row], metadata[row], first + row) for row in new])
        return len(new)

    def update(  # noqa: D102
        self, ids: Sequence[str], embeddings: Embeddings | None, metadata: Sequence[Metadata] | None
    ) -> None:
        self._check_may_write()
        if embeddings is not None and len(embeddings):
            self._adopt(embeddings)
        found = self._stored(ids)
        rows = in_order(ids, {id_: _row(entity) for id_, entity in found.items()}, self._location)
        self._write(
            [
                _entity(
                    row.id,
                    row.embedding if embeddings is None else embeddings[number],
                    row.metadata if metadata is None else metadata[number],
                    found[row.id]["position"],
                )
                for number, row in enumerate(rows)
            ]
        )

    def delete(self, ids: Sequence[str]) -> int:  # noqa: D102
        self._check_may_write()
        keys = [_number(id_) for id_ in self._stored(ids)]
        with self._errors_in_words():
            for some in _parts(keys):
                self._client.delete(self._name, ids=some, timeout=SECONDS_PER_CALL)
        return len(keys)

    def get(self, ids: Sequence[str]) -> list[Row]:  # noqa: D102
        fingerprint = self.settings().fingerprint
        found = {id_: _row(entity, fingerprint) for id_, entity in self._stored(ids).items()}
        return in_order(ids, found, self._location)

    def rows(self) -> Iterator[Row]:
        """All rows in insertion order; first all keys are read, then the rows, some at a time."""
        settings = self.settings()
        num_pages = self.count({}) // ROWS_AT_ONCE + 1
        # keys lie evenly between -1 and 2^63 - 1
        bounds = [2**63 * page // num_pages - 1 for page in range(num_pages + 1)]
        found: list[tuple[int, int]] = []
        for before, last in pairwise(bounds if settings.embedding_size else []):
            page = self._query(f"key > {before} and key <= {last}", ["key", "position"])
            found += [(int(row["position"]), int(row["key"])) for row in page]
        for keys in _parts([key for _, key in sorted(found)]):
            for entity in sorted(self._at(keys), key=lambda entity: entity["position"]):
                yield _row(entity, settings.fingerprint)

    def count(self, where: Filter) -> int:  # noqa: D102
        if self._described() is None:
            return 0
        [found] = self._query(_condition(where), ["count(*)"])
        return int(found["count(*)"])

    def search(
        self,
        queries: Embeddings,
        k: int,
        where: Filter,
        min_similarity: float | None,
        *,
        approximate: bool = False,
    ) -> list[list[Hit]]:
        """For each query its k nearest rows. Milvus finds candidates, float64 ranks them here.

        Milvus rounds, and breaks ties as it likes: so it is asked for some more rows than k, and where the
        last of them is as near as the k-th, for as many as it gives.
        """
        settings = self.settings()
        check_same_encoder(queries, settings, self._location)
        if k > MOST_RESULTS:
            raise ValueError(f"k must be at most {MOST_RESULTS} on Milvus, received {k}.")
        if settings.embedding_size is None:
            return [[] for _ in queries]
        vectors = np.asarray(queries)
        answers: dict[int, list[Entity]] = {}
        for limit in (min(k + SPARE, MOST_RESULTS), MOST_RESULTS):
            unsure = [query for query in range(len(vectors)) if query not in answers]
            num = max(1, BYTES_OF_AN_ANSWER // (limit * (4 * vectors.shape[1] + 500)))
            for start in range(0, len(unsure), num):
                some = unsure[start : start + num]
                for query, found in zip(
                    some, self._nearest(vectors[some], limit, where), strict=True
                ):
                    if limit == MOST_RESULTS or _is_sure(found, k, limit, vectors.shape[1]):
                        answers[query] = [hit["entity"] for hit in found]
        return [
            _hits(vector, answers[query], k, min_similarity) for query, vector in enumerate(vectors)
        ]

    def build_approximate(self, target_recall: float) -> Approximation | None:
        """None: on Milvus every search is exact."""
        return None

    def approximation(self) -> Approximation | None:
        """None: on Milvus every search is exact."""
        return None

    def log(self) -> list[LogEntry]:
        """Empty: on Milvus no log is kept."""
        return []

    def compact(self) -> int:
        """Ask Milvus to give back space, which it does when it likes; 0."""
        self._check_may_write()
        if self._described() is not None:
            with self._errors_in_words():
                self._client.compact(self._name, timeout=SECONDS_PER_CALL)
        return 0

    def check(self) -> list[str]:
        """Read every row: each must be there, and of unit length."""
        num, faults = 0, []
        for row in self.rows():
            num += 1
            if not abs(float(np.linalg.norm(row.embedding)) - 1) < 1e-3:
                faults.append(f"the row {row.id!r} is not of unit length")
        if num != self.count({}):
            faults.append(f"{num} rows could be read of {self.count({})}")
        return faults

    def close(self) -> None:  # noqa: D102
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _described(self) -> dict[str, Any] | None:
        """What Milvus says of the collection; None where there is none."""
        if self._client is None:
            raise ValueError(
                f"The index {self.address} is closed. Open it again with EmbeddingIndex.open."
            )
        with self._errors_in_words():
            if not self._client.has_collection(self._name, timeout=SECONDS_PER_CALL):
                return None
            found = self._client.describe_collection(self._name, timeout=SECONDS_PER_CALL)
        if not {"key", "facets", *FIELDS} <= {field["name"] for field in found["fields"]}:
            raise ValueError(
                f"The collection {self.address} is no embedding index. It was left as it is. Give another "
                "collection in the address."
            )
        return dict(found)

    def _adopt(self, embeddings: Embeddings) -> None:
        """Check these embeddings against the index's encoder; the first ones make the collection."""
        settings = self.settings()
        check_same_encoder(embeddings, settings, self._location)
        with self._errors_in_words():
            if settings.embedding_size is None:
                self._create(embeddings.shape[1])
            if embeddings.fingerprint and settings.fingerprint is None:
                self._client.alter_collection_properties(
                    self._name, properties={FINGERPRINT: embeddings.fingerprint}
                )

    def _create(self, size: int) -> None:
        from pymilvus import DataType

        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("key", DataType.INT64, is_primary=True)
        schema.add_field("position", DataType.INT64)
        schema.add_field("id", DataType.VARCHAR, max_length=MOST_BYTES)
        schema.add_field("metadata", DataType.VARCHAR, max_length=MOST_BYTES)
        schema.add_field(
            "facets", DataType.ARRAY, element_type=DataType.INT64, max_capacity=2 * MOST_VALUES
        )
        schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=size)
        params = self._client.prepare_index_params()
        params.add_index("embedding", index_type="FLAT", metric_type="COSINE")
        self._client.create_collection(self._name, schema=schema, consistency_level="Strong")
        self._client.create_index(self._name, params, sync=False)
        self._client.load_collection(self._name, timeout=SECONDS_PER_CALL)

    def _check_may_write(self) -> None:
        if self._is_read_only:
            raise PermissionError(
                errno.EACCES, "The index was opened for reading only", self.address
            )

    def _stored(self, ids: Iterable[str]) -> dict[str, Entity]:
        """The rows with these ids, by id."""
        if self._described() is None:
            return {}
        id_of = {_number(id_): id_ for id_ in ids}
        return {
            str(entity["id"]): entity for keys in _parts(list(id_of)) for entity in self._at(keys)
        }

    def _at(self, keys: Sequence[int]) -> list[Entity]:
        return self._query(f"key in {list(keys)}", FIELDS)

    def _query(self, condition: str, fields: Sequence[str]) -> list[Entity]:
        with self._errors_in_words():
            found = self._client.query(
                self._name,
                filter=condition,
                output_fields=list(fields),
                consistency_level="Strong",
                timeout=SECONDS_PER_CALL,
            )
            return list(found)

    def _nearest(
        self, queries: np.ndarray, limit: int, where: Filter
    ) -> list[Sequence[Mapping[str, Any]]]:
        with self._errors_in_words():
            found = self._client.search(
                self._name,
                data=list(queries),
                anns_field="embedding",
                filter=_condition(where),
                limit=limit,
                output_fields=FIELDS,
                search_params={"metric_type": "COSINE"},
                consistency_level="Strong",
                timeout=SECONDS_PER_CALL,
            )
            return list(found)

    def _write(self, entities: Sequence[Entity]) -> None:
        with self._errors_in_words():
            for some in _parts(entities):
                self._client.upsert(self._name, some, timeout=SECONDS_PER_CALL)

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


def _check_folder(path: Path, *, create: bool) -> None:
    """Refuse a path that is no folder of Milvus Lite, before anything is made there."""
    if path.suffix != ".db":
        raise ValueError(f"The name of a Milvus Lite folder must end in .db, received {path}.")
    if path.is_file() or (path.is_dir() and not (path / "LOCK").exists()):
        raise ValueError(f"{path} is no folder of Milvus Lite. It was left as it is.")
    if not path.exists() and not create:
        raise FileNotFoundError(
            f"There is no index milvus:{path}. Check the path, or open it with create=True."
        )


def _in_words(error: Exception, address: MilvusAddress, otherwise: type[OSError]) -> OSError:
    causes: list[BaseException] = [error]
    while (cause := causes[-1].__cause__) is not None and cause not in causes:
        causes.append(cause)
    told = " ".join(str(some).lower() for some in causes)
    if getattr(error, "code", 0) == NO_DATABASE:
        return FileNotFoundError(
            errno.ENOENT,
            f"The Milvus server has no database {address.database!r}. Create it there first, or leave it out "
            "of the address",
            str(address),
        )
    if any(word in told for word in REFUSED):
        return PermissionError(
            errno.EACCES,
            "Milvus does not accept the user or token, or they may not do this. Put it into the environment "
            f"variable {TOKEN_VARIABLE} (user:password, or an API key)",
            str(address),
        )
    if otherwise is ConnectionError:
        return ConnectionError(
            f"No Milvus answers at {address.server or address}. Start the server, or check host and port; "
            f"one process at a time can use a folder of Milvus Lite. ({error})"
        )
    return otherwise(errno.EIO, f"Milvus reports: {getattr(error, 'message', error)}", str(address))


def _entity(id_: str, vector: np.ndarray, metadata: Metadata, position: int) -> Entity:
    return {
        "key": _number(id_),
        "position": position,
        "id": id_,
        "metadata": _json(metadata),
        "facets": [
            number
            for key, value in metadata.items()
            if value is not None
            for number in (_key_number(key), _value_number(key, value))
        ],
        "embedding": np.asarray(vector, np.float32),
    }


def _row(entity: Entity, fingerprint: str | None = None) -> Row:
    vector = np.asarray(entity["embedding"], np.float32)
    return Row(entity["id"], Embeddings.of(vector, fingerprint), json.loads(entity["metadata"]))


def _is_sure(found: Sequence[Mapping[str, Any]], k: int, limit: int, size: int) -> bool:
    """Whether no row that was left out can belong to the k nearest, however Milvus rounded."""
    near = sorted((float(hit["distance"]) for hit in found), reverse=True)
    return len(near) < limit or near[-1] < near[k - 1] - 4 * ROUNDING * size


def _hits(
    query: np.ndarray, found: list[Entity], k: int, min_similarity: float | None
) -> list[Hit]:
    """The k nearest, ranked as the embedded store does."""
    if not found:
        return []
    found = sorted(found, key=lambda entity: int(entity["position"]))
    vectors = np.array([entity["embedding"] for entity in found], np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows, similarities = ranked(vectors, query, np.arange(len(found)), k, min_similarity)
    return [
        Hit(found[row]["id"], similarity, json.loads(found[row]["metadata"]))
        for row, similarity in zip(rows.tolist(), similarities.tolist(), strict=True)
    ]


def _condition(where: Filter) -> str:
    """The filter in Milvus' language: each key, and each key with its value, is a number of `facets`.

    Milvus' own filters of JSON differ between versions, and from SQLite in what is equal.
    """
    conditions = []
    for key, any_of in where.items():
        wanted = sorted({_value_number(key, value) for value in any_of if value is not None})
        either = [f"array_contains_any(facets, {wanted})"] if wanted else []
        if None in any_of:
            either.append(f"not array_contains(facets, {_key_number(key)})")
        conditions.append(f"({' or '.join(either) or 'position < 0'})")
    return " and ".join(conditions)


def _number(text: str) -> int:
    """A number in [0, 2^63) that stands for this text."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) >> 1


def _key_number(key: str) -> int:
    return _number(f"key\0{key}")


def _value_number(key: str, value: Scalar) -> int:
    if isinstance(value, str):
        return _number(f"text\0{key}\0{value}")
    number = value or 0  # 2, 2.0 and (as SQLite keeps truth) 1 and True are equal
    same = str(int(number)) if number == int(number) else float(number).hex()
    return _number(f"number\0{key}\0{same}")


def _json(metadata: Metadata) -> str:
    return json.dumps(metadata, ensure_ascii=False)


def _parts(items: Sequence[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), ROWS_AT_ONCE):
        yield list(items[start : start + ROWS_AT_ONCE])
