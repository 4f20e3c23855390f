"""A call that writes to an index on Milvus: all of it appears at once, or nothing of it ever does.

1. Take the turn; finish what a writer that was killed has left.
2. Check, against what is visible, and prepare a `Change`. An error here has written nothing.
3. Write its rows with the next version, which nobody sees yet, and note which rows are to go.
4. Set the state: from now on all see the new rows, and none of those that go.
5. Delete what is to go, write the log, and set the state once more.

Who is killed up to 3 has written nothing that counts; what is left of 5 the next writer does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from inference.index.milvus.entities import (
    HIDDEN,
    JOURNAL,
    LOG,
    Entity,
    journal_entity,
    key_of,
)
from inference.index.milvus.ledger import Ledger
from inference.index.milvus.state import State, log_entry
from inference.index.milvus.table import Table
from inference.index.milvus.turn import Turn

logger = logging.getLogger(__name__)

KEYS_AT_ONCE = 3000  # in one row of the journal, as text of up to 64 KiB


@dataclass(frozen=True)
class Change:
    """What a call will do.

    Without an action, and with the state as it was, nothing is to be done.

    Attributes:
        state: State, as it will be, but for version and time.
        action: str for the log; empty for none.
        num_rows: int for the log.
        entities: rows to be written, with `state.next_version`.
        gone: int keys of rows that are deleted, or replaced by those that are written.
    """

    state: State
    action: str = ""
    num_rows: int = 0
    entities: Sequence[Entity] = ()
    gone: Sequence[int] = ()


def write(ledger: Ledger, table: Table, prepare: Callable[[State], Change]) -> int:
    """Do what `prepare` makes of the state, in one turn; the number of rows that it was."""
    with ledger.turn() as turn:
        finish(table, turn)
        change = prepare(turn.state)
        if change == Change(turn.state):
            return 0
        if change.entities and change.state.embedding_size is not None:
            table.collection.make(turn, change.state.embedding_size)
            change = replace(change, state=replace(change.state, table_size=turn.state.table_size))
        _complete(ledger, table, turn, change)
        try:
            finish(table, turn)
        except OSError as error:  # what was asked for is done; the next writer does the rest
            logger.warning(
                "%s: the last step of a call waits for the next (%s).", table.location, error
            )
        return change.num_rows


def finish(table: Table, turn: Turn) -> None:
    """Delete what is to go, and write the log."""
    state = turn.state
    if state.is_finished:
        return
    chunks = table.hidden_chunks(state) if state.is_hiding else []
    table.remove(turn, table.hidden(state))
    entries = [(log_entry(text).number, text) for text in state.pending_log]
    size = state.table_size or 0
    timestamp = table.insert(
        turn,
        [journal_entity(LOG, -number, number, text, size) for number, text in entries],
        JOURNAL,
    )
    table.remove(turn, chunks, JOURNAL)
    turn.commit(replace(state, is_hiding=False, pending_log=(), timestamp=timestamp))


def sweep(table: Table, turn: Turn) -> None:
    """Delete the rows of calls that were not completed; nobody sees them in any case."""
    for version in turn.state.aborted:
        table.remove(turn, table.keys_of_version(version))


def _complete(ledger: Ledger, table: Table, turn: Turn, change: Change) -> None:
    """Steps 3 and 4."""
    version = turn.state.next_version
    turn.is_clean = False
    try:
        timestamp = _stage(table, turn, change, version)
        state = replace(
            change.state,
            version=version,
            timestamp=timestamp or change.state.timestamp,
            removed=version if change.gone else change.state.removed,
            is_hiding=bool(change.gone),
        )
        turn.commit(state.logged(change.action, change.num_rows) if change.action else state)
        turn.is_clean = True
    except BaseException:
        _abandon(ledger, table, turn, version)
        raise


def _stage(table: Table, turn: Turn, change: Change, version: int) -> int:
    """Write rows that nobody sees yet; the server's time of the last."""
    size, first = change.state.table_size or 0, len(change.entities)
    chunks = [
        journal_entity(
            HIDDEN, key_of(version, first + start), version, " ".join(map(str, some)), size
        )
        for start in range(0, len(change.gone), KEYS_AT_ONCE)
        if (some := change.gone[start : start + KEYS_AT_ONCE])
    ]
    noted = table.insert(turn, chunks, JOURNAL)
    return table.insert(turn, change.entities) or noted


def _abandon(ledger: Ledger, table: Table, turn: Turn, version: int) -> None:
    """Make sure that nobody ever sees the rows of a call that failed; delete them if that can be done."""
    try:
        state = ledger.read()
        if state.version < version and version not in state.aborted:
            turn.commit(replace(state, aborted=(*state.aborted, version)))
        turn.is_clean = True
        if version in turn.state.aborted and state.table_size is not None:
            table.remove(turn, table.keys_of_version(version))
    except OSError as error:  # a later writer does it
        logger.warning("%s: a call that failed is not yet undone (%s).", table.location, error)
