"""The store on Milvus: the same rows and answers as the embedded one, on a server for many machines."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from errno import EACCES
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import numpy as np

from inference.embeddings import Embeddings
from inference.index.address import MilvusAddress
from inference.index.milvus_collection import MilvusCollection
from inference.index.near_rows import ROUNDING, SPARE, ranked
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

ROWS_AT_ONCE = 1000
MOST_RESULTS = 16_384  # of one search on Milvus
BYTES_OF_AN_ANSWER = 32 * 2**20
BYTES_OF_METADATA = 500  # as a rule
FIELDS = ["id", "position", "metadata", "embedding"]
Entity = dict[str, Any]  # Any: the client's own type of a row, field by name


class MilvusStore:
    """Rows in one collection of Milvus; the arguments and methods are those of `EmbeddingIndex`.

    A call that is killed may have written some of its rows; adding them again completes it. Several writers
    do not wait for each other: of two that write one row the later one wins.
    """

    def __init__(
        self, address: MilvusAddress, *, create: bool = True, read_only: bool = False
    ) -> None:
        self.address, self._location = str(address), f"The index {address}"
        self._is_read_only = read_only
        may_create = create and not read_only
        self._collection = MilvusCollection(address, may_create=may_create)
        if not may_create and not self._collection.exists():
            told = f"There is no index {address}"
            raise FileNotFoundError(f"{told}. Check the address, or open it with create=True.")

    def settings(self) -> StoreSettings:  # noqa: D102
        return self._collection.settings()

    def add(self, ids: Sequence[str], embeddings: Embeddings, metadata: Sequence[Metadata]) -> int:  # noqa: D102
        self._adopt(embeddings)
        stored = {id_: _row(entity) for id_, entity in self._stored(ids).items()}
        new = only_new(ids, embeddings, metadata, stored, self._location)
        first = time.time_ns()  # positions order rows as they were added, whoever adds them
        self._write([_entity(ids[row], embeddings[row], metadata[row], first + row) for row in new])
        return len(new)

    def update(  # noqa: D102
        self, ids: Sequence[str], embeddings: Embeddings | None, metadata: Sequence[Metadata] | None
    ) -> None:
        self._adopt(embeddings)
        found = self._stored(ids)
        rows = in_order(ids, {id_: _row(entity) for id_, entity in found.items()}, self._location)
        vectors = [row.embedding for row in rows] if embeddings is None else embeddings
        entries = [row.metadata for row in rows] if metadata is None else metadata
        places = [found[id_]["position"] for id_ in ids]
        self._write(list(map(_entity, ids, vectors, entries, places)))

    def delete(self, ids: Sequence[str]) -> int:  # noqa: D102
        self._adopt(None)
        keys = [_number(id_) for id_ in self._stored(ids)]
        for some in _parts(keys):
            self._collection.call("delete", ids=some)
        return len(keys)

    def get(self, ids: Sequence[str]) -> list[Row]:  # noqa: D102
        fingerprint = self.settings().fingerprint
        found = {id_: _row(entity, fingerprint) for id_, entity in self._stored(ids).items()}
        return in_order(ids, found, self._location)

    def rows(self) -> Iterator[Row]:
        """All rows in insertion order; first all keys are read, then the rows, some at a time."""
        fingerprint, num_pages = self.settings().fingerprint, self.count({}) // ROWS_AT_ONCE + 1
        # keys lie evenly between -1 and 2^63 - 1
        bounds = [2**63 * page // num_pages - 1 for page in range(num_pages + 1)]
        found: list[tuple[int, int]] = []
        for before, last in pairwise(bounds):
            page = self._query(f"key > {before} and key <= {last}", ["key", "position"])
            found += [(int(row["position"]), int(row["key"])) for row in page]
        for keys in _parts([key for _, key in sorted(found)]):
            rows = self._query(f"key in {keys}", FIELDS)
            for entity in sorted(rows, key=_position):
                yield _row(entity, fingerprint)

    def count(self, where: Filter) -> int:  # noqa: D102
        found = self._query(_condition(where), ["count(*)"])
        return int(found[0]["count(*)"]) if found else 0

    def search(
        self,
        queries: Embeddings,
        k: int,
        where: Filter,
        min_similarity: float | None,
        *,
        approximate: bool,
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
        vectors, size = np.asarray(queries), settings.embedding_size
        answers: dict[int, list[Entity]] = {}
        for limit in (min(k + SPARE, MOST_RESULTS), MOST_RESULTS):
            unsure = [query for query in range(len(vectors)) if query not in answers]
            at_once = max(1, BYTES_OF_AN_ANSWER // (limit * (4 * size + BYTES_OF_METADATA)))
            for some in _parts(unsure, at_once):
                found = self._nearest(vectors[some], limit, where)
                for query, hits in zip(some, found, strict=True):
                    if limit == MOST_RESULTS or _is_sure(hits, k, limit, size):
                        answers[query] = [hit["entity"] for hit in hits]
        return [
            _hits(vector, answers[query], k, min_similarity) for query, vector in enumerate(vectors)
        ]

    def build_approximate(self, target_recall: float) -> Approximation | None:
        """None: on Milvus every search is exact."""

    def approximation(self) -> Approximation | None:
        """None: on Milvus every search is exact."""

    def log(self) -> list[LogEntry]:
        """Empty: on Milvus no log is kept."""
        return []

    def compact(self) -> int:
        """Ask Milvus to give back space, which it does when it likes; 0."""
        self._adopt(None)
        if self._collection.exists():
            self._collection.call("compact")
        return 0

    def check(self) -> list[str]:
        """Read every row."""
        num_read, num = sum(1 for _ in self.rows()), self.count({})
        return [] if num_read == num else [f"{num_read} rows could be read of {num}"]

    def close(self) -> None:  # noqa: D102
        self._collection.close()

    def _adopt(self, embeddings: Embeddings | None) -> None:
        """Check that this may be written; the first embeddings make the collection."""
        if self._is_read_only:
            raise PermissionError(EACCES, "The index was opened for reading only", self.address)
        if embeddings is None or not len(embeddings):
            return
        settings = self.settings()
        check_same_encoder(embeddings, settings, self._location)
        if settings.embedding_size is None:
            self._collection.create(embeddings.shape[1])
        if embeddings.fingerprint and settings.fingerprint is None:
            self._collection.set_fingerprint(embeddings.fingerprint)

    def _stored(self, ids: Sequence[str]) -> dict[str, Entity]:
        found: dict[str, Entity] = {}
        for keys in _parts([_number(id_) for id_ in ids]):
            found |= {str(row["id"]): row for row in self._query(f"key in {keys}", FIELDS)}
        return found

    def _query(self, condition: str, fields: Sequence[str]) -> list[Entity]:
        if not self._collection.exists():
            return []
        options = {"filter": condition, "output_fields": list(fields)}
        return list(self._collection.call("query", **options, consistency_level="Strong"))

    def _nearest(
        self, queries: np.ndarray, limit: int, where: Filter
    ) -> list[Sequence[Mapping[str, Any]]]:
        found = self._collection.call(
            "search",
            data=list(queries),
            anns_field="embedding",
            filter=_condition(where),
            limit=limit,
            output_fields=FIELDS,
            search_params={"metric_type": "COSINE"},
            consistency_level="Strong",
        )
        return list(found)

    def _write(self, entities: Sequence[Entity]) -> None:
        for some in _parts(entities):
            self._collection.call("upsert", some)


def _entity(id_: str, vector: np.ndarray, metadata: Metadata, position: int) -> Entity:
    known = {key: value for key, value in metadata.items() if value is not None}
    facets = [*map(_key_number, known), *map(_value_number, known, known.values())]
    return {
        "key": _number(id_),
        "position": position,
        "id": id_,
        "metadata": json.dumps(metadata, ensure_ascii=False),
        "facets": facets,
        "embedding": np.asarray(vector, np.float32),
    }


def _position(entity: Entity) -> int:
    return int(entity["position"])


def _row(entity: Entity, fingerprint: str | None = None) -> Row:
    vector = np.asarray(entity["embedding"], np.float32)
    return Row(entity["id"], Embeddings.of(vector, fingerprint), json.loads(entity["metadata"]))


def _is_sure(hits: Sequence[Mapping[str, Any]], k: int, limit: int, size: int) -> bool:
    """Whether no row that was left out can belong to the k nearest, however Milvus rounded."""
    near = sorted((float(hit["distance"]) for hit in hits), reverse=True)
    return len(near) < limit or near[-1] < near[k - 1] - 4 * ROUNDING * size


def _hits(
    query: np.ndarray, found: list[Entity], k: int, min_similarity: float | None
) -> list[Hit]:
    """The k nearest, ranked as the embedded store does."""
    if not found:
        return []
    found = sorted(found, key=_position)
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


def _parts(items: Sequence[Any], at_once: int | None = None) -> Iterator[list[Any]]:
    at_once = at_once or ROWS_AT_ONCE
    for start in range(0, len(items), at_once):
        yield list(items[start : start + at_once])
