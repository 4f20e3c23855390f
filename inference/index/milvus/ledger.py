"""The state of an index in Milvus, and whose turn it is to write.

Milvus has no transactions, but two of its calls are atomic: renaming a collection and setting its properties.
So the state is a property of an empty collection, `<name>_state_<holder>`, which readers find by the alias
`<name>_state`. Whoever renames it holds the turn to write. Setting the state names the collection as it is
called now: that fails for a writer from whom the turn was taken.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from inference.index.milvus.connection import (
    NOT_FOUND,
    SECONDS_PER_CALL,
    Connection,
    MilvusError,
    errors_in_words,
)
from inference.index.milvus.state import State, from_text, new_state, to_text
from inference.index.milvus.turn import BEAT, FREE, STATE, Turn, rename, set_properties

if TYPE_CHECKING:
    from pymilvus import CollectionSchema, MilvusClient

logger = logging.getLogger(__name__)

SECONDS_TO_WAIT = 30.0  # for another writer; who was not heard of for so long is taken for dead
SECONDS_BETWEEN_LOOKS = 0.01
TRIES_TO_READ = 50


class Ledger:
    """Reads the state, and writes it in turns.

    Args:
        connection: Connection.
        location: str, the index in words for messages.
    """

    def __init__(self, connection: Connection, location: str) -> None:
        self._connection = connection
        self._location = location
        self._alias = f"{connection.address.collection}_state"

    def exists(self) -> bool:
        """Whether there is an index."""
        if self._is_named():
            return True
        with self._connection.turn(SECONDS_TO_WAIT):
            return self._is_named() or self._named_again()

    def create(self) -> None:
        """Start an index; of several that do so at once one succeeds, and all use that."""
        name = f"{self._alias}_{secrets.token_hex(6)}{FREE}"
        client = self._connection.client
        with self._connection.turn(SECONDS_TO_WAIT), errors_in_words(self._connection.address):
            if self._is_named():
                return
            client.create_collection(
                name,
                schema=_empty_schema(client),
                properties={STATE: to_text(new_state())},
                timeout=SECONDS_PER_CALL,
            )
            if not self._give_alias(name):
                client.drop_collection(name, timeout=SECONDS_PER_CALL)

    def read(self) -> State:
        """The state as it is now."""
        return self._look()[1]

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """The turn to write; others wait until the block ends.

        Raises:
            TimeoutError: another one is writing, and was for 30 s.
        """
        with self._connection.turn(SECONDS_TO_WAIT) as is_ours:
            if not is_ours:
                raise self._too_long(SECONDS_TO_WAIT)
            turn = Turn(self._connection, self._location, *self._take())
            try:
                yield turn
            finally:
                turn.end()

    def _take(self) -> tuple[str, State]:
        own = f"{self._alias}_{secrets.token_hex(6)}"
        start = heard = time.monotonic()
        last = None
        while True:
            seen = name, state, _beat = self._look()
            now = time.monotonic()
            if last not in (None, seen):
                heard = now
            last = seen
            is_free, is_dead = name.endswith(FREE), now - heard > SECONDS_TO_WAIT
            if (is_free or is_dead) and self._rename(name, own):
                return own, state if is_free else self._without_the_dead_one(own)
            if now - start > SECONDS_TO_WAIT and heard != start:
                raise self._too_long(now - start)
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def _too_long(self, seconds_waited: float) -> TimeoutError:
        return TimeoutError(
            f"Others have been writing to {self._location} for {seconds_waited:.0f} s. Nothing of this call "
            "was written. Wait until they are done and call again."
        )

    def _without_the_dead_one(self, own: str) -> State:
        """What the writer that was not heard of may have left, or may still send, will count for nothing."""
        _, state, _ = self._look()
        state = replace(state, aborted=(*state.aborted, state.next_version))
        logger.warning(
            "%s: a writer was not heard of for %g s; its call, if it was not completed, is undone.",
            self._location,
            SECONDS_TO_WAIT,
        )
        set_properties(self._connection, own, {STATE: to_text(state)})
        return state

    def _look(self) -> tuple[str, State, str]:
        """The name of the collection that holds the state, the state, and the beat of who is writing."""
        for tries_left in reversed(range(TRIES_TO_READ)):
            try:
                with self._connection.naming, errors_in_words(self._connection.address):
                    found = self._connection.client.describe_collection(
                        self._alias, timeout=SECONDS_PER_CALL
                    )
                break
            except MilvusError as error:  # a proxy may know it a moment later
                if error.code != NOT_FOUND or not tries_left:
                    raise
                time.sleep(SECONDS_BETWEEN_LOOKS)
        properties = found.get("properties", {})
        state = from_text(properties.get(STATE, ""), self._location)
        return found["collection_name"], state, properties.get(BEAT, "")

    def _rename(self, name: str, new_name: str) -> bool:
        """Whether it could be renamed: of several who try, one can."""
        return rename(self._connection, name, new_name)

    def _is_named(self) -> bool:
        with self._connection.naming, errors_in_words(self._connection.address):
            return bool(
                self._connection.client.has_collection(self._alias, timeout=SECONDS_PER_CALL)
            )

    def _give_alias(self, name: str) -> bool:
        """Whether this collection is now what the alias names."""
        try:
            with self._connection.naming, errors_in_words(self._connection.address):
                self._connection.client.create_alias(name, self._alias, timeout=SECONDS_PER_CALL)
        except MilvusError:
            if not self._is_named():
                raise
            return self._look()[0] == name
        return True

    def _named_again(self) -> bool:
        """Give the alias again where a process was killed before it could; whether there is an index."""
        client = self._connection.client
        with self._connection.naming, errors_in_words(self._connection.address):
            names = client.list_collections(timeout=SECONDS_PER_CALL)
            ours = re.compile(f"{self._alias}_[0-9a-f]{{12}}({FREE})?")
            left = [name for name in names if ours.fullmatch(name)]
            if len(left) != 1:
                return False
            if (
                self._connection.address.path is not None
            ):  # Milvus Lite may know it, of what is no more
                client.drop_alias(self._alias, timeout=SECONDS_PER_CALL)
            self._give_alias(left[0])
        return True


def _empty_schema(client: MilvusClient) -> CollectionSchema:
    """Milvus wants a key and a vector in every collection."""
    from pymilvus import DataType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("key", DataType.INT64, is_primary=True)
    schema.add_field("nothing", DataType.FLOAT_VECTOR, dim=2)
    return schema
