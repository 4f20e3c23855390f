"""The tables of an index file: made, brought up to date, and the few values that say where it stands."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from inference.index.sqlite_errors import damaged
from inference.index.store import LogEntry, StoreSettings

APPLICATION_ID = 0x46456964  # "FEid", written into the header of every index file
SCHEMA_VERSION = 2
OLDEST_SCHEMA_VERSION = 1

ROWS_AND_SETTINGS = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE rows (
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    embedding BLOB NOT NULL,
    metadata TEXT NOT NULL,
    checksum INTEGER NOT NULL
);
"""
# New in schema 2. `changes` holds the last entry of the log that updated or deleted a position, so that
# whoever has read the rows before can catch up without reading all again. A position is never given twice.
LOG_AND_CHANGES = """
CREATE TABLE log (
    entry INTEGER PRIMARY KEY,
    time TEXT NOT NULL,
    action TEXT NOT NULL,
    num_rows INTEGER NOT NULL,
    version TEXT NOT NULL,
    fingerprint TEXT,
    stamp INTEGER NOT NULL
);
CREATE TABLE changes (position INTEGER PRIMARY KEY, entry INTEGER NOT NULL);
CREATE INDEX changes_by_entry ON changes (entry);
"""


class Moment(NamedTuple):
    """A state of the file: the last entry of its log, and that entry's random number.

    Two files that went different ways (a copy that was restored and written to) share entries, not stamps.
    """

    entry: int
    stamp: int


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether nothing was ever written, neither by us nor by another program."""
    (num_tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return num_tables == 0 and _application_id(connection) == 0


def create_schema(connection: sqlite3.Connection) -> None:
    """Make the tables of an empty file, inside the caller's transaction."""
    _execute_all(connection, ROWS_AND_SETTINGS + LOG_AND_CHANGES)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    write_setting(connection, "schema_version", SCHEMA_VERSION)
    write_setting(connection, "created_by", our_version())
    write_log(connection, "create", 0)


def upgrade_schema(connection: sqlite3.Connection) -> None:
    """Bring a file of an older version up to date, inside the caller's transaction."""
    if has_log(connection):
        return
    _execute_all(connection, LOG_AND_CHANGES)
    write_setting(connection, "schema_version", SCHEMA_VERSION)
    (num,) = connection.execute("SELECT count(*) FROM rows").fetchone()
    write_log(connection, "upgrade", num)


def check_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what is no index of ours, or of a later version.

    Raises:
        ValueError: says which.
    """
    if _application_id(connection) != APPLICATION_ID:
        raise ValueError(
            f"{path} is an SQLite file, but no embedding index. It was left as it is. Give another path."
        )
    schema_version = read_setting(connection, "schema_version")
    if not isinstance(schema_version, int) or schema_version < OLDEST_SCHEMA_VERSION:
        raise ValueError(damaged(path, "its schema version is missing"))
    if schema_version > SCHEMA_VERSION:
        raise ValueError(
            f"{path} was written by fused-encoder {read_setting(connection, 'created_by')} or later with "
            f"schema {schema_version}; this version reads schemas up to {SCHEMA_VERSION}. Install a "
            "newer fused-encoder."
        )


def has_log(connection: sqlite3.Connection) -> bool:
    """False in a file of schema 1 that was not yet written to."""
    return int(read_setting(connection, "schema_version") or 0) >= 2


def current_moment(connection: sqlite3.Connection) -> Moment | None:
    """Where the file stands; None in a file of schema 1."""
    if not has_log(connection):
        return None
    found = connection.execute(
        "SELECT entry, stamp FROM log ORDER BY entry DESC LIMIT 1"
    ).fetchone()
    return Moment(*found) if found else None


def was_at(connection: sqlite3.Connection, moment: Moment) -> bool:
    """Whether this moment belongs to the file's own past."""
    found = connection.execute("SELECT stamp FROM log WHERE entry = ?", (moment.entry,)).fetchone()
    return found is not None and found[0] == moment.stamp


def changes_known_from(connection: sqlite3.Connection) -> int:
    """What changed up to this entry is no longer listed in `changes`."""
    return int(read_setting(connection, "changes_from") or 0)


def write_log(connection: sqlite3.Connection, action: str, num_rows: int) -> int:
    """Append to the log, inside the caller's transaction; returns the number of the entry."""
    cursor = connection.execute(
        "INSERT INTO log (time, action, num_rows, version, fingerprint, stamp) VALUES (?, ?, ?, ?, ?, ?)",
        (
            datetime.now(UTC).isoformat(timespec="seconds"),
            action,
            num_rows,
            our_version(),
            read_setting(connection, "fingerprint"),
            secrets.randbits(63),
        ),
    )
    return int(cursor.lastrowid or 0)


def read_log(connection: sqlite3.Connection) -> Iterator[LogEntry]:
    """All entries, oldest first."""
    if has_log(connection):
        for number, time, *rest in connection.execute(
            "SELECT entry, time, action, num_rows, version, fingerprint FROM log ORDER BY entry"
        ):
            yield LogEntry(number, datetime.fromisoformat(time), *rest)


def read_setting(connection: sqlite3.Connection, name: str) -> str | int | None:
    """The value of a setting; None if it was never written."""
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def read_settings(connection: sqlite3.Connection) -> StoreSettings:
    """The encoder and size that the file accepts."""
    fingerprint = read_setting(connection, "fingerprint")
    size = read_setting(connection, "embedding_size")
    return StoreSettings(
        None if fingerprint is None else str(fingerprint), None if size is None else int(size)
    )


def write_setting(connection: sqlite3.Connection, name: str, value: str | int | None) -> None:
    """Set a setting, inside the caller's transaction."""
    connection.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (name, value))


@cache
def our_version() -> str:
    """The version of this library, for the log."""
    try:
        return version("fused-encoder")
    except PackageNotFoundError:
        return "unknown"


def _application_id(connection: sqlite3.Connection) -> int:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    return int(application_id)


def _execute_all(connection: sqlite3.Connection, statements: str) -> None:
    # not executescript, which would end the caller's transaction
    for statement in filter(None, map(str.strip, statements.split(";"))):
        connection.execute(statement)
