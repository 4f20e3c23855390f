"""The turn to write to an index on Milvus: what only its holder may do, and what fails once it was taken."""

from __future__ import annotations

import logging
import time

from inference.index.milvus.connection import (
    NOT_FOUND,
    SECONDS_PER_CALL,
    Connection,
    MilvusError,
    errors_in_words,
)
from inference.index.milvus.state import State, to_text

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_BEATS = 1.0
STATE = "fused_encoder.state"
BEAT = "fused_encoder.beat"
FREE = "_free"


class Turn:
    """The turn to write to an index.

    Args:
        connection: Connection.
        location: str, the index in words for messages.
        name: str, the name of the collection of the state, which only this turn knows.
        state: State, as the turn begins.
    Attributes:
        is_clean: bool, whether no rows were written that are neither part of the state nor given up in it.
    """

    def __init__(self, connection: Connection, location: str, name: str, state: State) -> None:
        self._connection = connection
        self._location = location
        self._name = name
        self._num_beats = 0
        self._last_beat = time.monotonic()
        self.state = state
        self.is_clean = True

    def beat(self) -> None:
        """Tell those who wait, once in a while, that this writer is alive."""
        if time.monotonic() - self._last_beat < SECONDS_BETWEEN_BEATS:
            return
        self._last_beat = time.monotonic()
        self._num_beats += 1
        self._set({BEAT: f"{self._name} {self._num_beats}"})

    def commit(self, state: State) -> None:
        """Make this the state: whatever belongs to it appears at once.

        Raises:
            MilvusError: the turn was taken by another; nothing was changed.
        """
        self._set({STATE: to_text(state)})
        self.state = state

    def end(self) -> None:
        """Let others write; not if rows were left that only a turn taken by force makes count for nothing."""
        if not self.is_clean:
            return
        try:
            rename(self._connection, self._name, self._name + FREE)
        except (
            OSError
        ) as error:  # what was written stays; the next writer waits in vain, and takes it
            logger.warning("%s: the turn to write was not given back (%s).", self._location, error)

    def _set(self, properties: dict[str, str]) -> None:
        try:
            set_properties(self._connection, self._name, properties)
        except MilvusError as error:
            if error.code != NOT_FOUND:
                raise
            raise MilvusError(
                f"Another process has taken over writing to {self._location}, as this one was not heard of "
                "for too long. Nothing of this call was written. Call again.",
                NOT_FOUND,
            ) from error


def rename(connection: Connection, name: str, new_name: str) -> bool:
    """Rename a collection; False where there is none of that name (any more)."""
    try:
        with connection.naming, errors_in_words(connection.address):
            connection.client.rename_collection(name, new_name, timeout=SECONDS_PER_CALL)
    except MilvusError as error:
        if error.code != NOT_FOUND:
            raise
        return False
    return True


def set_properties(connection: Connection, name: str, properties: dict[str, str]) -> None:
    """Set properties of a collection, all at once."""
    with connection.naming, errors_in_words(connection.address):
        connection.client.alter_collection_properties(
            name, properties=properties, timeout=SECONDS_PER_CALL
        )
