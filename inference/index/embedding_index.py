"""The index that callers see: everything checked at the door, the same for every store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inference.embeddings import Embeddings, check_embeddings, fingerprint_of
from inference.index.address import MilvusAddress, parse_address
from inference.index.milvus_store import MilvusStore
from inference.index.rows import (
    Approximation,
    Hit,
    LogEntry,
    Row,
    Scalar,
    Where,
    check_ids,
    check_metadata,
    check_where,
)
from inference.index.sqlite_store import SqliteStore


class EmbeddingIndex:
    """Embeddings with ids and metadata, kept durably and searched exactly by cosine similarity.

    Every call is all or nothing, and what it has written is on disk when it returns (on Milvus: see
    docs/index.md). Other processes may read while one writes, and see the new rows at their next call; a
    second writer waits up to 30 s. Threads may share one object.

    The first embeddings that are added say which encoder and size the index is for. Embeddings of another
    encoder are refused; plain arrays, which carry no fingerprint, are accepted.

    Args:
        store: usually chosen by `EmbeddingIndex.open`.
    Example:
        >>> with EmbeddingIndex.open("birds.index") as index:
        ...     index.add(ids=["a"], embeddings=[[0.6, 0.8]], metadata=[{"species": "wren"}])
        ...     index.search([0.6, 0.8], k=1)
        1
        [[Hit(id='a', similarity=1.0, metadata={'species': 'wren'})]]
    """

    def __init__(self, store: SqliteStore | MilvusStore) -> None:
        self._store = store

    @classmethod
    def open(
        cls, uri: str | Path, *, create: bool = True, read_only: bool = False
    ) -> EmbeddingIndex:
        """The index at this address.

        Args:
            uri: a path, for the embedded index in one file; `http://host:19530/birds` for one on a Milvus
                server, `milvus:birds.db` for one on Milvus Lite.
            create: whether to start a new index where there is none.
            read_only: whether to write nothing, neither the file nor beside it. A file that may not be
                written, or in such a folder, is opened for reading only by itself.
        Raises:
            FileNotFoundError: there is none, and `create` is False; or its folder does not exist.
            ValueError: no index, of another schema, damaged, restored beside the `-wal` file of another
                state, or an engine that is not available.
            ImportError: Milvus without the extra `milvus`.
            OSError: the file cannot be opened (TimeoutError: another process holds it), or no server answers.
        """
        address = parse_address(uri)
        if isinstance(address, MilvusAddress):
            return cls(MilvusStore(address, create=create, read_only=read_only))
        return cls(SqliteStore(address, create=create, read_only=read_only))

    @property
    def address(self) -> str:
        """Where the index is: its path, or its server's address without user and password."""
        return self._store.address

    @property
    def fingerprint(self) -> str | None:
        """The encoder whose embeddings this index holds; None until embeddings came that carry one."""
        return self._store.settings().fingerprint

    @property
    def embedding_size(self) -> int | None:
        """The size of the embeddings; None until the first were added."""
        return self._store.settings().embedding_size

    def add(
        self,
        ids: Sequence[str],
        embeddings: npt.ArrayLike,
        metadata: Sequence[Mapping[str, Scalar] | None] | None = None,
    ) -> int:
        """Add rows. Adding a row again changes nothing, so an interrupted run can be repeated.

        Args:
            ids: str [num], unique.
            embeddings: float32 [num, size], unit length.
            metadata: num dicts of str to str, int, float, bool or None; None for none.
        Returns:
            How many rows were new.
        Raises:
            ValueError: an id is there with another embedding (by more than 1e-5 in a component) or other
                metadata; another encoder or size; NaN; not of unit length; repeated ids; different lengths.
                Nothing is added.
            OSError: the disk is full; nothing is added and nothing lost.
        """
        ids = check_ids(ids)
        checked = _check_rows(ids, embeddings)
        return self._store.add(ids, checked, check_metadata(metadata, len(ids)))

    def update(
        self,
        ids: Sequence[str],
        embeddings: npt.ArrayLike | None = None,
        metadata: Sequence[Mapping[str, Scalar] | None] | None = None,
    ) -> None:
        """Replace embeddings, metadata or both; rows keep their place.

        Metadata of a row are replaced as a whole. What is None stays.

        Args:
            ids: str [num], unique, all in the index.
            embeddings: float32 [num, size], unit length, or None.
            metadata: num dicts, or None.
        Raises:
            KeyError: ids that are not in the index; nothing is changed.
            ValueError: as `add`; or neither embeddings nor metadata.
        """
        ids = check_ids(ids)
        if embeddings is None and metadata is None:
            told = "update received neither embeddings nor metadata"
            raise ValueError(f"{told}. Pass what is to be replaced.")
        vectors = None if embeddings is None else _check_rows(ids, embeddings)
        entries = None if metadata is None else check_metadata(metadata, len(ids))
        self._store.update(ids, vectors, entries)

    def delete(self, ids: Sequence[str]) -> int:
        """Remove rows, and return how many; ids that are not in the index are passed over."""
        return self._store.delete(check_ids(ids, unique=False))

    def get(self, ids: Sequence[str]) -> list[Row]:
        """The rows with these ids, in their order; KeyError names those that are not in the index."""
        return self._store.get(check_ids(ids, unique=False))

    def search(
        self,
        query: npt.ArrayLike,
        k: int = 5,
        *,
        where: Where | None = None,
        min_similarity: float | None = None,
        approximate: bool = False,
    ) -> list[list[Hit]]:
        """The nearest rows of each query, by exact cosine similarity.

        Args:
            query: float32 [num, size], or [size] for a single query; unit length.
            k: >= 1, how many hits at most (on Milvus up to 16,384).
            where: only rows whose metadata fit are compared: `{"species": "wren"}` asks for equality,
                `{"species": ["wren", "robin"]}` for any of the list, several keys for all of them, None for
                rows without the key. None or {} compares all rows.
            min_similarity: in [-1, 1]; hits that are less similar are left out.
            approximate: whether some of the nearest may be missed for speed. It needs `build_approximate`,
                which measures how many; with `where`, and after any change, search is exact all the same. The
                similarities are exact in any case.
        Returns:
            A list with one list of hits per query (for a single query [size]: a list of one list), nearest
            first, equals in insertion order. Fewer than k hits where fewer rows pass.
        Raises:
            ValueError: another encoder or size, NaN, not of unit length; k < 1; min_similarity outside
                [-1, 1].
        """
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise ValueError(f"k must be an int of at least 1, received {k!r}.")
        if min_similarity is not None and not -1 <= min_similarity <= 1:
            received = f"received {min_similarity!r}"
            raise ValueError(f"min_similarity must be a cosine in [-1, 1], {received}.")
        queries = np.asarray(query)
        if queries.ndim == 1:
            queries = queries[np.newaxis]
        checked = check_embeddings(Embeddings.of(queries, fingerprint_of(query)), name="query")
        return self._store.search(
            checked, int(k), check_where(where), min_similarity, approximate=approximate
        )

    def build_approximate(self, *, target_recall: float = 0.99) -> Approximation | None:
        """Make ready for `search(..., approximate=True)`, and measure what it will miss.

        The rows are divided into groups, and as many are searched as find this share of the ten nearest
        others of 500 rows; the recall that is told is that of 500 other rows. It takes 20 s for a million
        rows, and counts until the index changes. None below 50,000 rows, and on Milvus: search stays exact.

        Args:
            target_recall: in (0, 1].
        Raises:
            ImportError: faiss is not installed.
            ValueError: target_recall outside (0, 1].
        """
        if not 0 < target_recall <= 1:
            raise ValueError(f"target_recall must be in (0, 1], received {target_recall!r}.")
        return self._store.build_approximate(target_recall)

    @property
    def approximation(self) -> Approximation | None:
        """What approximate search misses, as it was measured; None where search is exact."""
        return self._store.approximation()

    def count(self, where: Where | None = None) -> int:
        """How many rows there are, or how many pass the filter (as in `search`)."""
        return self._store.count(check_where(where))

    def __len__(self) -> int:
        return self._store.count({})

    def __bool__(self) -> bool:
        """True even when empty: an index is not its rows."""
        return True

    def __contains__(self, id_: str) -> bool:
        try:
            self._store.get([id_])
        except KeyError:
            return False
        return True

    def __iter__(self) -> Iterator[Row]:
        """All rows in insertion order. Rows that are added meanwhile may be among them."""
        return self._store.rows()

    def log(self) -> list[LogEntry]:
        """What was done to the index, oldest first: when, with how many rows, by which version."""
        return self._store.log()

    def compact(self) -> int:
        """Give the space of deleted rows back to the disk; returns the bytes.

        It needs as much free space as the index takes, and other writers wait for it.
        """
        return self._store.compact()

    def check(self) -> list[str]:
        """Read everything and compare every checksum; what is wrong, in words. Empty: nothing is."""
        return self._store.check()

    def close(self) -> None:
        """Close the index; all is already on disk. A second call does nothing."""
        self._store.close()

    def __enter__(self) -> EmbeddingIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _check_rows(ids: list[str], embeddings: npt.ArrayLike) -> Embeddings:
    num, *size = np.shape(embeddings) or (1,)
    if size and num != len(ids):
        raise ValueError(
            f"ids and embeddings must be of one length, received {len(ids)} ids and {num} embeddings. "
            "Pass one id per row of embeddings."
        )
    return check_embeddings(embeddings, names=ids)
