"""The collection of rows of an index on Milvus: made, written in steps, and read as it was at one state."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

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
    SIZES,
    Entity,
    num_bytes,
    schema,
)
from inference.index.milvus.facets import number_of
from inference.index.milvus.ledger import Turn
from inference.index.milvus.state import State

if TYPE_CHECKING:
    import numpy as np
    from pymilvus import MilvusClient

BYTES_AT_ONCE = 8 * 2**20  # Milvus takes messages of up to 64 MiB
ROWS_AT_ONCE = 5000
NUMBERS_AT_ONCE = 5000  # in one condition
POSITIONS_AT_ONCE = 5000  # of a page of rows
MOST_RESULTS = 16_384  # of one query or search
SECONDS_TO_LOAD = 600.0
LAST_VERSION = 2**62
METRIC = {"metric_type": "COSINE"}


class Table:
    """Rows and journal of one index.

    Args:
        connection: Connection.
        location: str, the index in words for messages.
    """

    def __init__(self, connection: Connection, location: str) -> None:
        self._connection = connection
        self.address = connection.address
        self.location = location
        self._name = connection.address.collection
        self._is_loaded = False

    def exists(self) -> bool:
        """Whether there is a collection of this name, ours or another's."""
        with errors_in_words(self.address):
            return bool(
                self._connection.client.has_collection(self._name, timeout=SECONDS_PER_CALL)
            )

    def make(self, turn: Turn, embedding_size: int) -> None:
        """Make the collection for embeddings of this size, if it is not there, and wait until it is ready.

        Raises:
            ValueError: there is one of this name that another program made.
        """
        if turn.state.table_size == embedding_size:
            return
        if self.exists():
            self._drop_empty(turn.state)
        client = self._connection.client
        with errors_in_words(self.address):
            index = client.prepare_index_params()
            index.add_index("embedding", index_type="FLAT", **METRIC)
            client.create_collection(
                self._name,
                schema=schema(client, embedding_size),
                consistency_level="Strong",
                timeout=SECONDS_PER_CALL,
            )
            for partition in (ROWS, JOURNAL):
                client.create_partition(self._name, partition, timeout=SECONDS_PER_CALL)
            client.create_index(self._name, index, sync=False, timeout=SECONDS_PER_CALL)
        self._load(turn)
        turn.commit(replace(turn.state, table_size=embedding_size))

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
        self._load(None)
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
        self._load(None)
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

    def _load(self, turn: Turn | None) -> None:
        """Have the server hold the rows in memory, once; after it was started anew it may not."""
        if self._is_loaded:
            return
        client = self._connection.client
        deadline = time.monotonic() + SECONDS_TO_LOAD
        with errors_in_words(self.address):
            client.load_collection(self._name, _async=True, timeout=SECONDS_PER_CALL)
            while client.get_load_state(self._name)["state"].name != "Loaded":
                if time.monotonic() > deadline:
                    raise TimeoutError(f"Milvus has been loading {self.location} for too long.")
                if turn is not None:
                    turn.beat()
                time.sleep(0.05)
        self._is_loaded = True

    def _drop_empty(self, state: State) -> None:
        """Drop the collection that a call made which was not completed; never one with rows of others."""
        client = self._connection.client
        with errors_in_words(self.address):
            if state.table_size is None and not self._is_new(client):
                raise ValueError(foreign(self.location))
            client.drop_collection(self._name, timeout=SECONDS_PER_CALL)
        self._is_loaded = False

    def _is_new(self, client: MilvusClient) -> bool:
        """Whether a process was killed when it had just made the collection."""
        found = client.describe_collection(self._name, timeout=SECONDS_PER_CALL)
        ours = [field.name for field in schema(client, SIZES[0]).fields]
        is_indexed = bool(client.list_indexes(self._name, timeout=SECONDS_PER_CALL))
        if [field["name"] for field in found["fields"]] != ours:
            return False
        return not is_indexed or self.count(State(version=LAST_VERSION)) == 0


def foreign(location: str) -> str:
    """The message where another program has a collection of the same name."""
    return (
        f"{location}: there is a collection of this name that is no embedding index. It was left as it is. "
        "Give another name of a collection in the address."
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
