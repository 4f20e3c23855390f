"""The store on Milvus: the same rows and answers as the embedded one, on a server for many machines."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from inference.embeddings import Embeddings
from inference.index.approximate import FROM_ROWS
from inference.index.checks import check_same_encoder
from inference.index.milvus.address import MilvusAddress
from inference.index.milvus.changes import (
    adding,
    checked_rows,
    deleting,
    stored_rows,
    updating,
)
from inference.index.milvus.collection import foreign
from inference.index.milvus.connection import Connection
from inference.index.milvus.facets import expression
from inference.index.milvus.folder import check_folder
from inference.index.milvus.inspect import faults, read_log
from inference.index.milvus.ledger import Ledger
from inference.index.milvus.search import search
from inference.index.milvus.state import State
from inference.index.milvus.table import POSITIONS_AT_ONCE, Table
from inference.index.milvus.write import Change, sweep, write
from inference.index.store import Approximation, Filter, Hit, LogEntry, Metadata, Row, StoreSettings
from inference.index.stored_rows import (
    StoredRow,
    decoded,
    encoded,
    in_order,
)

TRIES_TO_READ = 100  # while others delete or update
T = TypeVar("T")


class MilvusStore:
    """Rows in a collection of Milvus; one writer at a time, any number of readers, on any machines.

    What a call has written is in Milvus' own log when the call returns, and every later call sees it, in any
    process. A second writer waits for the first.

    Args:
        address: MilvusAddress.
        create: bool, whether to start a new index where there is none.
        read_only: bool, whether to change nothing.
    """

    def __init__(
        self, address: MilvusAddress, *, create: bool = True, read_only: bool = False
    ) -> None:
        self._address = address
        self._is_read_only = read_only
        check_folder(address, create=create and not read_only)
        self._connection = Connection(address)
        self._ledger = Ledger(self._connection, self.location)
        self._table = Table(self._connection, self.location)
        try:
            self._open(create=create and not read_only)
        except BaseException:
            self.close()
            raise

    def _open(self, *, create: bool) -> None:
        if not self._ledger.exists():
            # another may have started it since, and added rows
            if self._table.collection.exists() and not self._ledger.exists():
                raise ValueError(foreign(self.location))
            if not create:
                raise FileNotFoundError(
                    f"There is no index {self._address}. Check the address, or open it with create=True."
                )
            self._ledger.create()
        self._ledger.read()

    @property
    def location(self) -> str:
        """The index's address, in words for messages."""
        return f"The index {self._address}"

    def settings(self) -> StoreSettings:
        """The encoder and size that the index accepts."""
        return self._ledger.read().settings

    def add(self, ids: Sequence[str], embeddings: Embeddings, metadata: Sequence[Metadata]) -> int:
        """Keep the rows that are new; returns how many were."""
        rows = encoded(ids, embeddings, metadata)
        return self._write(lambda state: adding(self._table, state, rows, metadata, embeddings))

    def update(
        self, ids: Sequence[str], embeddings: Embeddings | None, metadata: Sequence[Metadata] | None
    ) -> None:
        """Replace embeddings, metadata or both of rows that are there."""
        self._write(lambda state: updating(self._table, state, ids, embeddings, metadata))

    def delete(self, ids: Sequence[str]) -> int:
        """Forget these rows; returns how many were there."""
        return self._write(lambda state: deleting(self._table, state, ids))

    def get(self, ids: Sequence[str]) -> list[Row]:
        """The rows in the order of `ids`."""

        def read(state: State) -> list[Row]:
            return in_order(
                ids, stored_rows(self._table, ids, state), state.fingerprint, self.location
            )

        return self._read(read)

    def rows(self) -> Iterator[Row]:
        """All rows in insertion order, a page at a time, so that others can write meanwhile."""
        first = 1
        while first < self._ledger.read().next_position:
            last = first + POSITIONS_AT_ONCE - 1
            for row, fingerprint in self._read(lambda state: self._page(state, first, last)):  # noqa: B023
                yield decoded(row, fingerprint)
            first = last + 1

    def count(self, where: Filter) -> int:
        """How many rows pass the filter."""
        condition = expression(where)

        def read(state: State) -> int:
            if not condition or not state.num_rows:
                return state.num_rows
            return self._table.count(state, condition)

        return self._read(read)

    def search(
        self,
        queries: Embeddings,
        k: int,
        where: Filter,
        min_similarity: float | None,
        *,
        approximate: bool = False,
    ) -> list[list[Hit]]:
        """For each query its k nearest rows, nearest first, equals in insertion order."""
        condition = expression(where)

        def read(state: State) -> list[list[Hit]]:
            check_same_encoder(queries, state.settings, self.location)
            if approximate and not where:
                self._check_is_small(state)
            return search(self._table, state, queries, k, condition, min_similarity)

        return self._read(read)

    def build_approximate(self, target_recall: float) -> Approximation | None:
        """None for few rows, where exact search is as quick; ValueError for many: it is always exact here."""
        self._check_is_small(self._ledger.read())
        return None

    def approximation(self) -> Approximation | None:
        """None: search is always exact."""
        self._ledger.read()
        return None

    def log(self) -> Iterator[LogEntry]:
        """What was done to the rows, oldest first."""
        return iter(self._read(lambda state: read_log(self._table, state)))

    def compact(self) -> int:
        """Delete what killed calls left, and have Milvus give back space; 0, as it does so when it likes."""
        self._write(lambda state: Change(state, "compact", state.num_rows))
        if self._ledger.read().table_size is not None:
            with self._ledger.turn() as turn:
                sweep(self._table, turn)
            self._table.compact()
        return 0

    def check(self) -> list[str]:
        """Read everything; what is wrong, in words."""
        return self._read(lambda state: faults(self._table, state))

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _write(self, prepare: Callable[[State], Change]) -> int:
        if self._is_read_only:
            raise PermissionError(
                errno.EACCES, "The index was opened for reading only", str(self._address)
            )
        return write(self._ledger, self._table, prepare)

    def _read(self, read: Callable[[State], T]) -> T:
        """What is read at one state; again, if rows went while it was read."""
        for _ in range(TRIES_TO_READ):
            state = self._ledger.read()
            try:
                result = read(state)
            except (KeyError, ValueError):
                if state.is_still_valid_in(self._ledger.read()):
                    raise
                continue
            if state.is_still_valid_in(self._ledger.read()):
                return result
        raise TimeoutError(
            f"{self.location} was updated again and again while it was read. Call again when less "
            "is written."
        )

    def _page(self, state: State, first: int, last: int) -> list[tuple[StoredRow, str | None]]:
        if not state.num_rows:
            return []
        page = checked_rows(self._table, self._table.between(first, last, state))
        return [(row, state.fingerprint) for row in page]

    def _check_is_small(self, state: State) -> None:
        if state.num_rows >= FROM_ROWS:
            raise ValueError(
                f"{self.location} has no approximate search: on Milvus every search is exact. Search without "
                "approximate=True."
            )
