"""Rows of a catalogue file: individuals and sightings, read, checked and changed inside a transaction."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from individuals.catalogue.catalogue_file import KIND
from individuals.catalogue.records import Changes, State
from individuals.sighting import Sighting
from individuals.sighting_table import SightingTable
from inference.embeddings import Embeddings
from inference.index.rows import StoreSettings

ON_DISK = np.dtype("<f4")
AMONG = "(SELECT value FROM json_each(?))"  # any number of values in one parameter
IS_THERE = "individual IS NOT NULL"


@dataclass(frozen=True, eq=False)
class Owned:
    """Sightings of individuals, in order of adding.

    Attributes:
        positions: of the rows in the file.
        owners: number of the individual of each.
        table: the sightings.
    """

    positions: list[int]
    owners: list[int]
    table: SightingTable


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
    """The sightings of these individuals (of all: None).

    Raises:
        ValueError: a row's checksum does not fit; it is named.
    """
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
        cursor = connection.execute(
            "INSERT INTO sightings (key, fingerprint, embedding, record, checksum) VALUES (?, ?, ?, ?, ?)",
            (
                sighting.key,
                table.embeddings.fingerprint,
                blob,
                record,
                _checksum(sighting.key, blob, record),
            ),
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
