"""The collection that holds the rows: made when the first come, loaded once, never mistaken for another's."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from inference.index.milvus.connection import SECONDS_PER_CALL, Connection, errors_in_words
from inference.index.milvus.entities import JOURNAL, ROWS, SIZES, schema
from inference.index.milvus.state import State
from inference.index.milvus.turn import Turn

if TYPE_CHECKING:
    from pymilvus import MilvusClient

SECONDS_TO_LOAD = 600.0
SECONDS_BETWEEN_LOOKS = 0.05
METRIC = {"metric_type": "COSINE"}


class RowCollection:
    """One collection of Milvus.

    Args:
        connection: Connection.
        location: str, the index in words for messages.
    """

    def __init__(self, connection: Connection, location: str) -> None:
        self._connection = connection
        self._location = location
        self._name = connection.address.collection
        self._is_loaded = False

    def exists(self) -> bool:
        """Whether there is a collection of this name, ours or another's."""
        with errors_in_words(self._connection.address):
            return bool(
                self._connection.client.has_collection(self._name, timeout=SECONDS_PER_CALL)
            )

    def make(self, turn: Turn, embedding_size: int) -> None:
        """Make it for embeddings of this size, if it is not there, and wait until it is ready.

        Raises:
            ValueError: there is one of this name that another program made.
        """
        if turn.state.table_size == embedding_size:
            return
        if self.exists():
            self._drop_empty(turn.state)
        client = self._connection.client
        with errors_in_words(self._connection.address):
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
        self.load(turn)
        turn.commit(replace(turn.state, table_size=embedding_size))

    def load(self, turn: Turn | None = None) -> None:
        """Have the server hold the rows in memory, once; after it was started anew it may not.

        Raises:
            TimeoutError: it took too long.
        """
        if self._is_loaded:
            return
        client = self._connection.client
        deadline = time.monotonic() + SECONDS_TO_LOAD
        with errors_in_words(self._connection.address):
            client.load_collection(self._name, _async=True, timeout=SECONDS_PER_CALL)
            while client.get_load_state(self._name)["state"].name != "Loaded":
                if time.monotonic() > deadline:
                    raise TimeoutError(
                        f"{self._location}: Milvus has not loaded the rows in {SECONDS_TO_LOAD:.0f} s. See "
                        "its memory and its log, and call again."
                    )
                if turn is not None:
                    turn.beat()
                time.sleep(SECONDS_BETWEEN_LOOKS)
        self._is_loaded = True

    def _drop_empty(self, state: State) -> None:
        """Drop what a call made that was not completed; never a collection with rows, or of others."""
        client = self._connection.client
        with errors_in_words(self._connection.address):
            if state.table_size is None and not self._is_new(client):
                raise ValueError(foreign(self._location))
            client.drop_collection(self._name, timeout=SECONDS_PER_CALL)
        self._is_loaded = False

    def _is_new(self, client: MilvusClient) -> bool:
        """Whether a process was killed when it had just made it."""
        found = client.describe_collection(self._name, timeout=SECONDS_PER_CALL)
        ours = [field.name for field in schema(client, SIZES[0]).fields]
        if [field["name"] for field in found["fields"]] != ours:
            return False
        if not client.list_indexes(self._name, timeout=SECONDS_PER_CALL):
            return True
        self.load()
        [counted] = client.query(
            self._name,
            filter="version >= 0",
            output_fields=["count(*)"],
            consistency_level="Strong",
            timeout=SECONDS_PER_CALL,
        )
        return int(counted["count(*)"]) == 0


def foreign(location: str) -> str:
    """The message where another program has a collection of the same name."""
    return (
        f"{location}: there is a collection of this name that is no embedding index. It was left as it is. "
        "Give another name of a collection in the address."
    )
