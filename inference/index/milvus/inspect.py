"""Reading all of an index on Milvus: its log, and whether every row is what was written."""

from __future__ import annotations

from collections import Counter

from inference.index.checks import quoted
from inference.index.milvus.entities import LOG, stored_row
from inference.index.milvus.state import State, log_entry
from inference.index.milvus.table import POSITIONS_AT_ONCE, Table
from inference.index.store import LogEntry
from inference.index.stored_rows import is_whole


def read_log(table: Table, state: State) -> list[LogEntry]:
    """What was done to the rows, oldest first."""
    entries = {entry.number: entry for entry in map(log_entry, state.pending_log)}
    if state.embedding_size is not None:
        for first in range(1, state.num_log_entries + 1, POSITIONS_AT_ONCE):
            for row in table.journal(LOG, first, first + POSITIONS_AT_ONCE - 1, state):
                entry = log_entry(row["metadata"])
                entries[entry.number] = entry
    return [entries[number] for number in sorted(entries) if number <= state.num_log_entries]


def faults(table: Table, state: State) -> list[str]:
    """What is wrong, in words; an empty list where nothing is."""
    found: list[str] = []
    ids: Counter[str] = Counter()
    for page in table.pages(state) if state.num_rows else ():
        for row in map(stored_row, page):
            ids[row[1]] += 1
            if not is_whole(*row[1:]):
                found.append(f"the row {row[1]!r} at position {row[0]} is not what was written")
    if repeated := [id_ for id_, times in ids.items() if times > 1]:
        found.append(f"{len(repeated)} ids stand more than once: {quoted(repeated)}")
    if ids.total() != state.num_rows:
        found.append(f"there are {ids.total()} rows, expected {state.num_rows}")
    if len(read_log(table, state)) != state.num_log_entries:
        found.append("entries of the log are missing")
    return found
