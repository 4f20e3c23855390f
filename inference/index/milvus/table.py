"""The rows of an index on Milvus: written in steps, and read as they were at one state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from inference.index.milvus.collection import METRIC, RowCollection
from inference.index.milvus.connection import (
    SECONDS_PER_CALL,
    Connection,
    errors_in_words,
)
from inference.index.milvus.entities import (
    FIELDS,
    HIDDEN,
    JOURNAL,
    ROWS,
    Entity,
    num_bytes,
)
from inference.index.milvus.facets import number_of
from inference.index.milvus.state import State
from inference.index.milvus.turn import Turn

if TYPE_CHECKING:
    import numpy as np

BYTES_AT_ONCE = 8 * 2**20  # Milvus takes messages of up to 64 MiB
ROWS_AT_ONCE = 5000
NUMBERS_AT_ONCE = 5000  # in one condition
POSITIONS_AT_ONCE = 5000  # of a page of rows
MOST_RESULTS = 16_384  # of one query or search


class Table:
    """Rows and journal of one index.

    Args:
        connection: Connection.
        location: str, the index in words for messages.
    """

    def __init__(self, connection: Connection, location: str) -> None:
        self.collection = RowCollection(connection, location)
        self.address = connection.address
        self.location = location
        self._connection = connection
        self._name = connection.address.collection

    def insert(self, turn: Turn, entities: Iterable[Entity], partition: str = ROWS) -> int:
        """Write rows, some thousand in each message; the server's time of the last one (0: not told)."""
        timestamp = 0
        for batch in _batches(entities):
            turn.beat()
            with errors_in_words(self.address):
                self._connection.client.insert(
                    self._name, batch, partition_name=partition, timeout=SECONDS_PER_CALL
                )
            timestamp = self._connection.last_write(self._name)
        return timestamp

    def remove(self, turn: Turn, keys: Sequence[int], partition: str = ROWS) -> None:
        """Delete what is at these keys; others may see it for a while."""
        for some in _parts(sorted(keys)):
            turn.beat()
            with errors_in_words(self.address):
                self._connection.client.delete(
                    self._name,
                    filter=f"key in {some}",
                    partition_name=partition,
                    timeout=SECONDS_PER_CALL,
                )

    def keys_of_version(self, version: int) -> list[int]:
        """Keys of the rows that a call wrote, whether it was completed or not."""
        keys: list[int] = []
        while True:
            condition = f"version == {version}" + (f" and key not in {keys}" if keys else "")
            found = self._query(condition, ["key"], ROWS, State())
            keys += [int(entity["key"]) for entity in found]
            if len(found) < MOST_RESULTS:
                return keys

    def hidden(self, state: State) -> list[int]:
        """Keys of rows that are to be left out, because the call that deletes them is not yet through."""
        if not state.is_hiding:
            return []
        condition = f"id_number == {HIDDEN} and position == {state.removed}"
        return [
            int(key)
            for entity in self._query(condition, ["metadata"], JOURNAL, state)
            for key in entity["metadata"].split()
        ]

    def hidden_chunks(self, state: State) -> list[int]:
        """Keys of the journal's rows that say what is to be left out."""
        return [
            int(entity["key"])
            for entity in self._query(f"id_number == {HIDDEN}", ["key"], JOURNAL, state)
        ]

    def visible(self, state: State) -> str:
        """The condition for what is visible at this state."""
        conditions = [f"version <= {state.version}"]
        if state.aborted:
            conditions.append(f"version not in {list(state.aborted)}")
        if hidden := self.hidden(state):
            conditions.append(f"key not in {hidden}")
        return " and ".join(conditions)

    def with_ids(
        self, ids: Sequence[str], state: State, fields: Sequence[str] = FIELDS
    ) -> list[Entity]:
        """The visible rows with these ids, in no order."""
        if not state.num_rows:
            return []
        visible, wanted = self.visible(state), set(ids)
        return [
            entity
            for some in _parts(sorted({number_of(id_) for id_ in ids}))
            for entity in self._query(f"{visible} and id_number in {some}", fields, ROWS, state)
            if entity["id"] in wanted
        ]

    def between(self, first: int, last: int, state: State, where: str = "") -> list[Entity]:
        """The visible rows at positions from `first` to `last`, in order."""
        condition = f"{self.visible(state)} and position >= {first} and position <= {last}"
        found = self._query(both(condition, where), FIELDS, ROWS, state)
        return sorted(found, key=lambda entity: int(entity["position"]))

    def pages(self, state: State, where: str = "") -> Iterator[list[Entity]]:
        """All visible rows in order, some thousand at a time."""
        for first in range(1, state.next_position, POSITIONS_AT_ONCE):
            yield self.between(first, first + POSITIONS_AT_ONCE - 1, state, where)

    def journal(self, kind: int, first: int, last: int, state: State) -> list[Entity]:
        """Rows of the journal of this kind at positions from `first` to `last`, in no order."""
        condition = f"id_number == {kind} and position >= {first} and position <= {last}"
        return self._query(condition, ["position", "metadata"], JOURNAL, state)

    def count(self, state: State, where: str = "") -> int:
        """How many visible rows pass."""
        [found] = self._query(both(self.visible(state), where), ["count(*)"], ROWS, state)
        return int(found["count(*)"])

    def search(
        self, queries: np.ndarray, limit: int, state: State, condition: str
    ) -> list[list[Any]]:
        """What Milvus finds nearest, for each query; Any: the client's own type of a hit."""
        self.collection.load()
        with errors_in_words(self.address):
            found = self._connection.client.search(
                self._name,
                data=list(queries),
                anns_field="embedding",
                filter=condition,
                limit=limit,
                output_fields=FIELDS[1:],  # the key comes in any case
                partition_names=[ROWS],
                search_params=METRIC,
                timeout=SECONDS_PER_CALL,
                **_not_before(state),
            )
        return list(found)

    def compact(self) -> None:
        """Ask Milvus to give back the space of what was deleted; it does so when it likes."""
        with errors_in_words(self.address):
            self._connection.client.flush(self._name, timeout=SECONDS_PER_CALL)
            self._connection.client.compact(self._name, timeout=SECONDS_PER_CALL)

    def _query(
        self, condition: str, fields: Sequence[str], partition: str, state: State
    ) -> list[Entity]:
        self.collection.load()
        with errors_in_words(self.address):
            return list(
                self._connection.client.query(
                    self._name,
                    filter=condition,
                    output_fields=list(fields),
                    partition_names=[partition],
                    timeout=SECONDS_PER_CALL,
                    **_not_before(state),
                )
            )


def _not_before(state: State) -> dict[str, Any]:
    """What makes Milvus wait until it sees all that belongs to the state, no longer where that is known."""
    if state.timestamp:
        return {"consistency_level": "Customized", "guarantee_timestamp": state.timestamp}
    return {"consistency_level": "Strong"}


def both(condition: str, where: str) -> str:
    """One condition of two, the second of which may be empty."""
    return f"{condition} and {where}" if where else condition


def _parts(numbers: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(numbers), NUMBERS_AT_ONCE):
        yield list(numbers[start : start + NUMBERS_AT_ONCE])


def _batches(entities: Iterable[Entity]) -> Iterator[list[Entity]]:
    batch: list[Entity] = []
    size = 0
    for entity in entities:
        more = num_bytes(entity)
        if batch and (size + more > BYTES_AT_ONCE or len(batch) == ROWS_AT_ONCE):
            yield batch
            batch, size = [], 0
        batch.append(entity)
        size += more
    if batch:
        yield batch
