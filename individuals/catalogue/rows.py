"""Rows of a catalogue file: individuals and sightings, read, checked and changed inside a transaction."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from individuals.catalogue.catalogue_file import damaged, read_setting, write_setting
from individuals.catalogue.records import Changes, State
from individuals.sighting import Sighting
from individuals.sighting_table import SightingTable
from inference.embeddings import Embeddings
from inference.index.store import StoreSettings

ON_DISK = np.dtype("<f4")
AMONG = "(SELECT value FROM json_each(?))"  # any number of values in one parameter
COLUMNS = "position, individual, embedding, record, checksum, key"


def read_states(connection: sqlite3.Connection) -> dict[int, State]:
    """All individuals by number, those that are gone as well."""
    found = connection.execute("SELECT number, name, is_active, merged_into FROM individuals")
    return {number: State(name, bool(active), into) for number, name, active, into in found}


def read_encoder(connection: sqlite3.Connection) -> StoreSettings:
    """The encoder and size of the embeddings; None until the first were added."""
    fingerprint = read_setting(connection, "fingerprint")
    size = read_setting(connection, "embedding_size")
    return StoreSettings(
        None if fingerprint is None else str(fingerprint), None if size is None else int(size)
    )


def read_owned(
    connection: sqlite3.Connection, path: Path, numbers: Iterable[int] | None = None
) -> tuple[list[int], list[int], SightingTable]:
    """The sightings of these individuals (of all: None), in order of adding.

    Returns:
        Their positions, the numbers of their individuals, and the table.

    Raises:
        ValueError: a row's checksum does not fit; it is named.
    """
    condition = "individual IS NOT NULL" if numbers is None else f"individual IN {AMONG}"
    parameters = () if numbers is None else (json.dumps(list(numbers)),)
    found = connection.execute(
        f"SELECT {COLUMNS} FROM sightings WHERE {condition} ORDER BY position", parameters
    ).fetchall()
    for row in found:
        _check_row(path, row)
    encoder = read_encoder(connection)
    vectors = np.frombuffer(b"".join(row[2] for row in found), ON_DISK)
    table = SightingTable(
        tuple(Sighting.from_dict(json.loads(row[3])) for row in found),
        Embeddings.of(vectors.reshape(-1, encoder.embedding_size or 1), encoder.fingerprint),
    )
    return [row[0] for row in found], [row[1] for row in found], table


def find_keys(connection: sqlite3.Connection, keys: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Key -> (position, individual) of those of the keys that are in the catalogue."""
    found = connection.execute(
        f"SELECT key, position, individual FROM sightings WHERE individual IS NOT NULL AND key IN {AMONG}",
        (json.dumps(list(keys)),),
    )
    return {key: (position, individual) for key, position, individual in found}


def insert_sightings(connection: sqlite3.Connection, table: SightingTable) -> list[int]:
    """Store sightings that belong to nobody yet; returns their positions."""
    positions = []
    for sighting, vector in zip(table.sightings, np.asarray(table.embeddings), strict=True):
        blob = vector.astype(ON_DISK).tobytes()
        record = json.dumps(sighting.to_dict())  # ASCII: names of damaged encoding survive
        cursor = connection.execute(
            "INSERT INTO sightings (key, individual, embedding, record, checksum) VALUES (?, NULL, ?, ?, ?)",
            (sighting.key, blob, record, _checksum(sighting.key, blob, record)),
        )
        positions.append(int(cursor.lastrowid or 0))
    return positions


def new_individual(connection: sqlite3.Connection) -> int:
    """A number that no individual ever had; taken even if the individual is undone."""
    cursor = connection.execute("INSERT INTO individuals (is_active) VALUES (0)")
    return int(cursor.lastrowid or 0)


def apply_changes(connection: sqlite3.Connection, changes: Changes) -> None:
    """Bring the rows from `before` to `after`."""
    for number, (_, after) in changes.individuals.items():
        connection.execute(
            "UPDATE individuals SET name = ?, is_active = ?, merged_into = ? WHERE number = ?",
            (after.name, after.is_active, after.merged_into, number),
        )
    # Those that leave go first: a key belongs to one sighting of the catalogue at a time.
    leaving_first = sorted(changes.sightings.items(), key=lambda item: item[1][1] is not None)
    connection.executemany(
        "UPDATE sightings SET individual = ? WHERE position = ?",
        [(after, position) for position, (_, after) in leaving_first],
    )
    for name, (_, value) in changes.settings.items():
        write_setting(connection, name, value)


def _check_row(path: Path, row: tuple[int, int, bytes, str, int, str]) -> None:
    _, _, blob, record, checksum, key = row
    if _checksum(key, blob, record) != checksum:
        raise ValueError(damaged(path, f"the checksum of the sighting {key!r} does not fit"))


def _checksum(key: str, blob: bytes, record: str) -> int:
    return zlib.crc32(record.encode(), zlib.crc32(blob, zlib.crc32(key.encode())))
