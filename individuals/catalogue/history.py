"""The log of a catalogue: written with each operation, read, taken back, checked against the rows."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime

from individuals.catalogue.catalogue_file import read_setting
from individuals.catalogue.records import Changes, Decision, LogEntry, Setting, State
from individuals.catalogue.rows import apply_changes, read_states

UNDO = "undo"
LOG_COLUMNS = (
    "number, time, operation, details, decided_by, fingerprint, thresholds, undoes, changes"
)
# Entries that took something else back count neither as undone nor as to be undone.
STILL_DONE = (
    f"operation != '{UNDO}' AND number NOT IN (SELECT undoes FROM log WHERE undoes IS NOT NULL)"
)


def record_operation(
    connection: sqlite3.Connection,
    operation: str,
    details: Mapping[str, object],
    changes: Changes,
    decision: Decision,
    undoes: int | None = None,
) -> int:
    """Do what `changes` says and write it down, in the caller's transaction; returns the entry's number."""
    apply_changes(connection, changes)
    cursor = connection.execute(
        "INSERT INTO log (time, operation, details, decided_by, fingerprint, thresholds, undoes, changes) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            datetime.now(UTC).isoformat(timespec="milliseconds"),
            operation,
            json.dumps(details, ensure_ascii=False),
            decision.by,
            read_setting(connection, "fingerprint"),
            None if decision.thresholds is None else json.dumps(decision.thresholds),
            undoes,
            changes.to_json(),
        ),
    )
    return int(cursor.lastrowid or 0)


def read_log(connection: sqlite3.Connection) -> list[LogEntry]:
    """All entries, oldest first."""
    found = connection.execute(f"SELECT {LOG_COLUMNS} FROM log ORDER BY number")
    return [_entry(row) for row in found]


def undo_last(connection: sqlite3.Connection, num: int, decision: Decision) -> list[LogEntry]:
    """Take back the last operations that are not undone yet, latest first; each is logged as one "undo".

    Raises:
        ValueError: there are fewer; nothing is undone.
    """
    found = connection.execute(
        f"SELECT {LOG_COLUMNS} FROM log WHERE {STILL_DONE} ORDER BY number DESC LIMIT ?", (num,)
    ).fetchall()
    if len(found) < num:
        raise ValueError(
            f"Expected at most {len(found)} operations to undo, received {num}: the log holds no more that "
            "are not undone already."
        )
    entries = [_entry(row) for row in found]
    for entry in entries:
        details = {"entry": entry.number, "operation": entry.operation}
        record_operation(
            connection, UNDO, details, entry.changes.reversed(), decision, undoes=entry.number
        )
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
    settings: dict[str, Setting] = {}
    problems = []
    entries = read_log(connection)
    for expected, entry in enumerate(entries, 1):
        if entry.number != expected:
            problems.append(f"entry {expected} of the log is missing")
            break
        problems += _differences(f"entry {entry.number}", entry.changes, states, owners, settings)
        states |= {number: after for number, (_, after) in entry.changes.individuals.items()}
        owners |= {position: after for position, (_, after) in entry.changes.sightings.items()}
        settings |= {name: after for name, (_, after) in entry.changes.settings.items()}
    stored = connection.execute("SELECT position, individual FROM sightings").fetchall()
    now = Changes(
        {n: (state, state) for n, state in read_states(connection).items()},
        {position: (owner, owner) for position, owner in stored},
        {name: (read_setting(connection, name),) * 2 for name in settings},
    )
    return problems + _differences("the catalogue", now, states, owners, settings)


def _differences(
    where: str,
    changes: Changes,
    states: Mapping[int, State],
    owners: Mapping[int, int | None],
    settings: Mapping[str, Setting],
) -> list[str]:
    told = [
        f"{where}: individual {number} is {before}, by the log {states.get(number, State())}"
        for number, (before, _) in changes.individuals.items()
        if before != states.get(number, State())
    ]
    told += [
        f"{where}: sighting {position} is of {before}, by the log of {owners.get(position)}"
        for position, (before, _) in changes.sightings.items()
        if before != owners.get(position)
    ]
    return told + [
        f"{where}: {name} is {before!r}, by the log {settings.get(name)!r}"
        for name, (before, _) in changes.settings.items()
        if before != settings.get(name)
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
