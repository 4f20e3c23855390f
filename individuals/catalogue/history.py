"""The log of a catalogue: written with each operation, read, taken back, checked against the rows."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from individuals.catalogue.catalogue_file import (
    Changes,
    State,
    apply_changes,
    read_encoder,
    read_states,
)
from individuals.catalogue.operations import Operation

UNDO = "undo"
COLUMNS = "number, time, operation, details, decided_by, fingerprint, thresholds, undoes, changes"
# Entries that took something else back count neither as undone nor as to be undone.
STILL_DONE = (
    f"operation != '{UNDO}' AND number NOT IN (SELECT undoes FROM log WHERE undoes IS NOT NULL)"
)


@dataclass(frozen=True)
class Decision:
    """Who decided, and by what.

    Args:
        by: "person", "automatic", or a person's name.
        thresholds: `Thresholds.to_dict()` where thresholds decided; None for none.
    """

    by: str = "person"
    thresholds: Mapping[str, object] | None = None


@dataclass(frozen=True)
class LogEntry:
    """One operation, as it was written down when it was done.

    Args:
        number: int, from 1, without gaps.
        time: UTC, ISO 8601.
        operation: "add", "rename", "merge", "split", "delete" or "undo".
        details: what it was done to, in words that JSON takes.
        decided_by: "person", "automatic", or a person's name.
        fingerprint: names the encoder of the catalogue at that time; None where it was unknown.
        thresholds: what decided, as `Thresholds.to_dict` gives it; None where a person did.
        undoes: number of the entry that this one took back; None for all but "undo".
        changes: what it changed.
    """

    number: int
    time: str
    operation: str
    details: Mapping[str, object]
    decided_by: str
    fingerprint: str | None
    thresholds: Mapping[str, object] | None
    undoes: int | None
    changes: Changes


def do(
    connection: sqlite3.Connection,
    operation: Operation,
    decision: Decision,
    undoes: int | None = None,
) -> None:
    """Do what an operation says and write it down, in the caller's transaction."""
    if operation.changes is None:
        return
    apply_changes(connection, operation.changes)
    connection.execute(
        "INSERT INTO log (time, operation, details, decided_by, fingerprint, thresholds, undoes, changes) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            datetime.now(UTC).isoformat(timespec="milliseconds"),
            operation.name,
            json.dumps(operation.details, ensure_ascii=False),
            decision.by,
            read_encoder(connection).fingerprint,
            None if decision.thresholds is None else json.dumps(decision.thresholds),
            undoes,
            operation.changes.to_json(),
        ),
    )


def read_log(connection: sqlite3.Connection) -> list[LogEntry]:
    """All entries, oldest first."""
    return [_entry(row) for row in connection.execute(f"SELECT {COLUMNS} FROM log ORDER BY number")]


def undo_last(connection: sqlite3.Connection, num: int, decision: Decision) -> list[LogEntry]:
    """Take back the last operations that are not undone yet, latest first; each is logged as one "undo".

    A ValueError where there are fewer; nothing is undone then.
    """
    found = connection.execute(
        f"SELECT {COLUMNS} FROM log WHERE {STILL_DONE} ORDER BY number DESC LIMIT ?", (num,)
    ).fetchall()
    if not 1 <= num <= len(found):
        raise ValueError(
            f"Expected at least 1 and at most {len(found)} operations to undo, received {num}: the log "
            "holds no more that are not undone already."
        )
    entries = [_entry(row) for row in found]
    for entry in entries:
        details = {"entry": entry.number, "operation": entry.operation}
        do(connection, Operation(UNDO, details, entry.changes.reversed()), decision, entry.number)
    return entries


def last_entry(connection: sqlite3.Connection) -> int:
    """The number of the latest entry; 0 for none. A catalogue is the same as long as this is."""
    (number,) = connection.execute("SELECT coalesce(max(number), 0) FROM log").fetchone()
    return int(number)


def find_discrepancies(connection: sqlite3.Connection) -> list[str]:
    """What in the catalogue is not as its log says, in words; empty where all is well.

    The log is played from its first entry: what each entry says was before must be what the earlier ones
    left, and what the last ones leave must be what is stored.
    """
    states: dict[int, State] = {}
    owners: dict[int, int | None] = {}
    problems = []
    for expected, entry in enumerate(read_log(connection), 1):
        if entry.number != expected:
            problems.append(f"entry {expected} of the log is missing")
            break
        problems += _differences(f"entry {entry.number}", entry.changes, states, owners)
        states |= {number: after for number, (_, after) in entry.changes.individuals.items()}
        owners |= {position: after for position, (_, after) in entry.changes.sightings.items()}
    stored = connection.execute("SELECT position, individual FROM sightings").fetchall()
    now = Changes(
        {number: (state, state) for number, state in read_states(connection).items()},
        {position: (owner, owner) for position, owner in stored},
    )
    return problems + _differences("the catalogue", now, states, owners)


def _differences(
    where: str,
    changes: Changes,
    states: Mapping[int, State],
    owners: Mapping[int, int | None],
) -> list[str]:
    told = [
        f"{where}: individual {number} is {before}, by the log {states.get(number, State())}"
        for number, (before, _) in changes.individuals.items()
        if before != states.get(number, State())
    ]
    return told + [
        f"{where}: sighting {position} is of {before}, by the log of {owners.get(position)}"
        for position, (before, _) in changes.sightings.items()
        if before != owners.get(position)
    ]


def _entry(row: tuple) -> LogEntry:
    number, time, operation, details, decided_by, fingerprint, thresholds, undoes, changes = row
    return LogEntry(
        number,
        time,
        operation,
        json.loads(details),
        decided_by,
        fingerprint,
        None if thresholds is None else json.loads(thresholds),
        undoes,
        Changes.from_json(changes),
    )
