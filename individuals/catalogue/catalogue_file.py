"""A catalogue is one SQLite file: its tables, and how it is opened."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from inference.sqlite_file import FileKind, SqliteFile, read_setting, write_setting

PREFIX = re.compile(r"[^\W\d_][\w-]{0,19}")
# A sighting of no individual is one that was deleted or undone; it stays, so that this can be taken back.
SCHEMA = (
    """CREATE TABLE individuals (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT,
        is_active INTEGER NOT NULL,
        merged_into INTEGER
    )""",
    """CREATE TABLE sightings (
        position INTEGER PRIMARY KEY,
        key TEXT NOT NULL,
        individual INTEGER REFERENCES individuals,
        fingerprint TEXT,
        embedding BLOB NOT NULL,
        record TEXT NOT NULL,
        checksum INTEGER NOT NULL
    )""",
    "CREATE UNIQUE INDEX sightings_key ON sightings (key) WHERE individual IS NOT NULL",
    "CREATE INDEX sightings_individual ON sightings (individual)",
    """CREATE TABLE log (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        time TEXT NOT NULL,
        operation TEXT NOT NULL,
        details TEXT NOT NULL,
        decided_by TEXT NOT NULL,
        fingerprint TEXT,
        thresholds TEXT,
        undoes INTEGER UNIQUE REFERENCES log,
        changes TEXT NOT NULL
    )""",
    """CREATE TRIGGER log_is_never_changed BEFORE UPDATE ON log
        BEGIN SELECT RAISE(ABORT, 'the log of a catalogue is append-only'); END""",
    """CREATE TRIGGER log_is_never_shortened BEFORE DELETE ON log
        BEGIN SELECT RAISE(ABORT, 'the log of a catalogue is append-only'); END""",
)
KIND = FileKind(
    name="catalogue",
    application_id=0x46456361,  # "FEca"
    schema_version=1,
    schema=SCHEMA,
    opener="Catalogue.open",
    recovery='sqlite3 "{path}" .recover | sqlite3 recovered.catalogue',
)


def open_file(path: str | Path, *, create: bool, prefix: str | None) -> SqliteFile:
    """The file, with ids of this prefix, or of whatever prefix it has (None).

    Raises: as `individuals.catalogue.Catalogue.open`.
    """
    checked = None if prefix is None else check_prefix(prefix)
    file = SqliteFile(
        Path(path),
        KIND,
        create=create,
        fill=lambda connection: write_setting(connection, "prefix", checked or "ID"),
    )
    with file.reading() as connection:
        found = read_setting(connection, "prefix")
    if checked is not None and found != checked:
        file.close()
        raise ValueError(
            f"The ids of the catalogue {path} begin with {found!r}, received the prefix {checked!r}. Ids "
            "never change; open it without a prefix."
        )
    return file


def check_prefix(prefix: str) -> str:
    """What ids begin with.

    Raises:
        ValueError: not up to 20 letters, digits, _ or -, of which a letter comes first.
    """
    normal = unicodedata.normalize("NFC", prefix)
    if not PREFIX.fullmatch(normal):
        raise ValueError(
            "A prefix of ids is up to 20 letters, digits, _ and -, a letter first (such as NYA); received "
            f"{prefix!r}."
        )
    return normal
