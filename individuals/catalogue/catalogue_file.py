"""A catalogue is one SQLite file: its tables, how it is opened, and how rows are read and changed."""

from __future__ import annotations

import json
import re
import sqlite3
import unicodedata
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from individuals.sighting import Sighting
from individuals.sighting_table import SightingTable
from inference.embeddings import Embeddings
from inference.index.rows import StoreSettings
from inference.sqlite_file import FileKind, SqliteFile, read_setting, write_setting

ON_DISK = np.dtype("<f4")
AMONG = "(SELECT value FROM json_each(?))"  # any number of values in one parameter
IS_THERE = "individual IS NOT NULL"
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
    """The file, with ids of this prefix, or of whatever prefix it has (None); raises as `Catalogue.open`."""
    checked = None if prefix is None else _check_prefix(prefix)
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


def _check_prefix(prefix: str) -> str:
    normal = unicodedata.normalize("NFC", prefix)
    if not PREFIX.fullmatch(normal):
        raise ValueError(
            "A prefix of ids is up to 20 letters, digits, _ and -, a letter first (such as NYA); received "
            f"{prefix!r}."
        )
    return normal


class State(NamedTuple):
    """What is stored of an individual besides its sightings; ids of those that are gone stay taken."""

    name: str | None = None
    is_active: bool = False
    merged_into: int | None = None  # number of the individual that took it over


@dataclass(frozen=True)
class Changes:
    """What an operation changed: enough to take it back, and to check the catalogue against its log."""

    # number -> (before, after)
    individuals: Mapping[int, tuple[State, State]] = field(default_factory=dict)
    # position -> (individual before, individual after); None for not in the catalogue
    sightings: Mapping[int, tuple[int | None, int | None]] = field(default_factory=dict)

    def reversed(self) -> Changes:
        """What takes them back."""
        return Changes(
            {number: (after, before) for number, (before, after) in self.individuals.items()},
            {position: (after, before) for position, (before, after) in self.sightings.items()},
        )

    def to_json(self) -> str:
        """As text."""
        return json.dumps([self.individuals, self.sightings], ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Changes:
        """What `to_json` gave."""
        individuals, sightings = json.loads(text)
        return cls(
            {int(n): (State(*before), State(*after)) for n, (before, after) in individuals.items()},
            {int(p): (before, after) for p, (before, after) in sightings.items()},
        )


@dataclass(frozen=True, eq=False)
class Owned:
    """Sightings of individuals, in order of adding."""

    positions: list[int]  # of the rows in the file
    owners: list[int]  # number of the individual of each
    table: SightingTable  # the sightings

    @cached_property
    def numbers(self) -> np.ndarray:
        """Of the individuals, int64 [num_individuals], ascending."""
        return np.unique(np.asarray(self.owners, np.int64))

    @cached_property
    def owner_of(self) -> np.ndarray:
        """The position in `numbers` of each sighting's individual, int64 [num_sightings]."""
        return np.searchsorted(self.numbers, np.asarray(self.owners, np.int64))


def read_states(connection: sqlite3.Connection) -> dict[int, State]:
    """All individuals by number, those that are gone as well."""
    found = connection.execute("SELECT number, name, is_active, merged_into FROM individuals")
    return {number: State(name, bool(active), into) for number, name, active, into in found}


def read_encoder(connection: sqlite3.Connection) -> StoreSettings:
    """The encoder and size of the embeddings; None where there are none, or none says."""
    found = connection.execute(
        f"SELECT fingerprint, length(embedding) FROM sightings WHERE {IS_THERE} "
        "ORDER BY fingerprint IS NULL, position LIMIT 1"
    ).fetchone()
    fingerprint, num_bytes = found or (None, None)
    return StoreSettings(fingerprint, num_bytes and num_bytes // ON_DISK.itemsize)


def read_owned(
    connection: sqlite3.Connection, path: Path, numbers: Iterable[int] | None = None
) -> Owned:
    """The sightings of these individuals (of all: None); a ValueError names a row of a wrong checksum."""
    condition, parameters = IS_THERE, tuple[str, ...]()
    if numbers is not None:
        condition, parameters = f"individual IN {AMONG}", (json.dumps(list(numbers)),)
    found = connection.execute(
        "SELECT position, individual, key, embedding, record, checksum FROM sightings "
        f"WHERE {condition} ORDER BY position",
        parameters,
    ).fetchall()
    for *_, key, blob, record, checksum in found:
        if _checksum(key, blob, record) != checksum:
            fault = f"the checksum of the sighting {key!r} does not fit"
            raise ValueError(KIND.damaged(path, fault))
    encoder = read_encoder(connection)
    vectors = np.frombuffer(b"".join(row[3] for row in found), ON_DISK)
    table = SightingTable(
        tuple(Sighting.from_dict(json.loads(row[4])) for row in found),
        Embeddings.of(vectors.reshape(-1, encoder.embedding_size or 1), encoder.fingerprint),
    )
    return Owned([row[0] for row in found], [row[1] for row in found], table)


def find_keys(connection: sqlite3.Connection, keys: Sequence[str]) -> dict[str, int]:
    """Key -> individual of those of the keys that are in the catalogue."""
    found = connection.execute(
        f"SELECT key, individual FROM sightings WHERE {IS_THERE} AND key IN {AMONG}",
        (json.dumps(list(keys)),),
    )
    return dict(found.fetchall())


def insert_sightings(connection: sqlite3.Connection, table: SightingTable) -> list[int]:
    """Store sightings that belong to nobody yet; returns their positions."""
    positions = []
    for sighting, vector in zip(table.sightings, np.asarray(table.embeddings), strict=True):
        blob = vector.astype(ON_DISK).tobytes()
        record = json.dumps(sighting.to_dict())  # ASCII: names of damaged encoding survive
        checksum = _checksum(sighting.key, blob, record)
        cursor = connection.execute(
            "INSERT INTO sightings (key, fingerprint, embedding, record, checksum) VALUES (?, ?, ?, ?, ?)",
            (sighting.key, table.embeddings.fingerprint, blob, record, checksum),
        )
        positions.append(int(cursor.lastrowid or 0))
    return positions


def new_individual(connection: sqlite3.Connection) -> int:
    """A number that no individual ever had; taken even if the individual is undone."""
    cursor = connection.execute("INSERT INTO individuals (is_active) VALUES (0)")
    return int(cursor.lastrowid or 0)


def apply_changes(connection: sqlite3.Connection, changes: Changes) -> None:
    """Bring the rows from `before` to `after`."""
    connection.executemany(
        "UPDATE individuals SET name = ?, is_active = ?, merged_into = ? WHERE number = ?",
        [(*after, number) for number, (_, after) in changes.individuals.items()],
    )
    # Those that leave go first: a key belongs to one sighting of the catalogue at a time.
    leaving_first = sorted(changes.sightings.items(), key=lambda item: item[1][1] is not None)
    connection.executemany(
        "UPDATE sightings SET individual = ? WHERE position = ?",
        [(after, position) for position, (_, after) in leaving_first],
    )


def _checksum(key: str, blob: bytes, record: str) -> int:
    return zlib.crc32(record.encode(), zlib.crc32(blob, zlib.crc32(key.encode())))
