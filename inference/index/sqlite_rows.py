"""The rows of an index in one SQLite file: each with a checksum, each change in one transaction."""

import json
import secrets
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from inference.embeddings import Embeddings
from inference.index.rows import (
    LogEntry,
    Metadata,
    Row,
    StoreSettings,
    check_same_encoder,
    in_order,
    only_new,
)
from inference.sqlite_file import FileKind, SqliteFile, read_setting, write_setting

# `changes` holds the last entry of the log that updated or deleted a position, so that whoever has read the
# rows before can catch up without reading all again. A position is never given twice.
INDEX_FILE = FileKind(
    name="index",
    application_id=0x46456964,  # "FEid"
    schema_version=2,
    schema=(
        """CREATE TABLE rows (
            position INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            embedding BLOB NOT NULL,
            metadata TEXT NOT NULL,
            checksum INTEGER NOT NULL
        )""",
        """CREATE TABLE log (
            entry INTEGER PRIMARY KEY,
            time TEXT NOT NULL,
            action TEXT NOT NULL,
            num_rows INTEGER NOT NULL,
            version TEXT NOT NULL,
            fingerprint TEXT,
            stamp INTEGER NOT NULL
        )""",
        "CREATE TABLE changes (position INTEGER PRIMARY KEY, entry INTEGER NOT NULL)",
        "CREATE INDEX changes_by_entry ON changes (entry)",
    ),
    opener="EmbeddingIndex.open",
    recovery="fused-encoder index recover {path} recovered.index",
)
COLUMNS = "position, id, embedding, metadata, checksum"
AMONG = "(SELECT value FROM json_each(?))"  # any number of values in one parameter
ROWS_AT_ONCE = 5000
ON_DISK = np.dtype("<f4")
StoredRow = tuple[int, str, bytes, str, int]  # COLUMNS
_to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


class SqliteRows:
    """Rows in one file; the arguments and methods are those of `EmbeddingIndex`."""

    def __init__(self, path: str | Path, *, create: bool = True, read_only: bool = False) -> None:
        self.address = str(path)
        self._location = f"The index {path}"
        self._path = Path(path)
        self._file = SqliteFile(
            self._path,
            INDEX_FILE,
            create=create,
            read_only=read_only,
            fill=lambda connection: write_log(connection, "create", 0),
        )

    def settings(self) -> StoreSettings:  # noqa: D102
        with self._file.reading() as connection:
            return read_settings(connection)

    def add(self, ids: Sequence[str], embeddings: Embeddings, metadata: Sequence[Metadata]) -> int:  # noqa: D102
        with self._file.writing() as connection:
            self._adopt(connection, embeddings)
            stored = self._stored(connection, ids)
            new = only_new(ids, embeddings, metadata, stored, self._location)
            first = _next_position(connection)
            connection.executemany(
                f"INSERT INTO rows ({COLUMNS}) VALUES (?, ?, ?, ?, ?)",
                (
                    (position, *_encoded(ids[row], embeddings[row], metadata[row]))
                    for position, row in enumerate(new, first)
                ),
            )
            if new:
                write_log(connection, "add", len(new))
        return len(new)

    def update(  # noqa: D102
        self, ids: Sequence[str], embeddings: Embeddings | None, metadata: Sequence[Metadata] | None
    ) -> None:
        with self._file.writing() as connection:
            if embeddings is not None:
                self._adopt(connection, embeddings)
            stored = in_order(ids, self._stored(connection, ids), self._location)
            vectors = [row.embedding for row in stored] if embeddings is None else embeddings
            entries = [row.metadata for row in stored] if metadata is None else metadata
            connection.executemany(
                "UPDATE rows SET embedding = ?2, metadata = ?3, checksum = ?4 WHERE id = ?1",
                map(_encoded, ids, vectors, entries),
            )
            if ids:
                _write_changes(connection, ids, write_log(connection, "update", len(ids)))

    def delete(self, ids: Sequence[str]) -> int:  # noqa: D102
        among = (json.dumps(ids),)
        with self._file.writing() as connection:
            found = connection.execute(f"SELECT count(*) FROM rows WHERE id IN {AMONG}", among)
            (num,) = found.fetchone()
            if num:
                write_setting(connection, "next_position", _next_position(connection))
                _write_changes(connection, ids, write_log(connection, "delete", num))
                connection.execute(f"DELETE FROM rows WHERE id IN {AMONG}", among)
        return int(num)

    def get(self, ids: Sequence[str]) -> list[Row]:  # noqa: D102
        with self._file.reading() as connection:
            return in_order(ids, self._stored(connection, ids), self._location)

    def rows(self) -> Iterator[Row]:
        """All rows in insertion order, some at a time, so that others can write meanwhile."""
        position = 0
        while True:
            with self._file.reading() as connection:
                fingerprint = read_settings(connection).fingerprint
                page = connection.execute(
                    f"SELECT {COLUMNS} FROM rows WHERE position > ? ORDER BY position LIMIT {ROWS_AT_ONCE}",
                    (position,),
                ).fetchall()
            if not page:
                return
            position = page[-1][0]
            for row in page:
                check_row(self._path, row)
                yield decoded(row, fingerprint)

    def log(self) -> list[LogEntry]:  # noqa: D102
        sql = "SELECT entry, time, action, num_rows, version, fingerprint FROM log ORDER BY entry"
        with self._file.reading() as connection:
            return [
                LogEntry(number, datetime.fromisoformat(time), *rest)
                for number, time, *rest in connection.execute(sql)
            ]

    def note(self, action: str, num_rows: int) -> None:
        """Write into the log what was done by other means."""
        with self._file.writing() as connection:
            write_log(connection, action, num_rows)

    def close(self) -> None:  # noqa: D102
        self._file.close()

    def _adopt(self, connection: sqlite3.Connection, embeddings: Embeddings) -> None:
        """Check these embeddings against the file's encoder; the first ones say which that is."""
        settings = read_settings(connection)
        check_same_encoder(embeddings, settings, self._location)
        if len(embeddings) and settings.embedding_size is None:
            write_setting(connection, "embedding_size", embeddings.shape[1])
        if len(embeddings) and settings.fingerprint is None and embeddings.fingerprint:
            write_setting(connection, "fingerprint", embeddings.fingerprint)

    def _stored(self, connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, Row]:
        """These rows by id, checked; without those that are not there."""
        fingerprint = read_settings(connection).fingerprint
        found = {}
        sql = f"SELECT {COLUMNS} FROM rows WHERE id IN {AMONG}"
        for row in connection.execute(sql, (json.dumps(ids),)):
            check_row(self._path, row)
            found[row[1]] = decoded(row, fingerprint)
        return found


def is_whole(row: StoredRow) -> bool:
    """Whether a row is what was written."""
    _, id_, blob, metadata, checksum = row
    is_typed = isinstance(id_, str) and isinstance(blob, bytes) and isinstance(metadata, str)
    return is_typed and _checksum(id_, blob, metadata) == checksum


def check_row(path: Path, row: StoredRow) -> None:
    """Refuse a row that is not what was written (ValueError)."""
    if not is_whole(row):
        told = f"The row {row[1]!r} of the index {path} is damaged (its checksum does not fit)"
        raise ValueError(f"{told}. Restore it from a copy, or delete this id and add it again.")


def decoded(row: StoredRow, fingerprint: str | None) -> Row:
    """The row that was stored."""
    _, id_, blob, metadata, _ = row
    vector = np.frombuffer(blob, dtype=ON_DISK)
    return Row(id_, Embeddings.of(vector, fingerprint), json.loads(metadata))


def unit_vectors(blobs: Sequence[bytes], size: int) -> np.ndarray:
    """float32 [num, size] of exactly the length that float32 allows, as the scan compares them."""
    read = np.frombuffer(b"".join(blobs), dtype=ON_DISK).reshape(len(blobs), size)
    return (read / np.linalg.norm(read, axis=1, keepdims=True)).astype(np.float32, copy=False)


def read_settings(connection: sqlite3.Connection) -> StoreSettings:
    """The encoder and size that the file accepts."""
    # Any: a setting is of the type with which it was written
    names = ("fingerprint", "embedding_size")
    values: list[Any] = [read_setting(connection, name) for name in names]
    return StoreSettings(*values)


def revision_of(connection: sqlite3.Connection, entry: int | None = None) -> tuple[int, int] | None:
    """The state of the file after this entry of the log (None: the last); None where there is none.

    It is the entry and its random number. A copy that was restored and written to has other numbers.
    """
    found = connection.execute(
        "SELECT entry, stamp FROM log WHERE entry = coalesce(?, (SELECT max(entry) FROM log))",
        (entry,),
    ).fetchone()
    return (int(found[0]), int(found[1])) if found else None


def write_log(connection: sqlite3.Connection, action: str, num_rows: int) -> int:
    """Append to the log, inside the caller's transaction; returns the number of the entry."""
    cursor = connection.execute(
        "INSERT INTO log (time, action, num_rows, version, fingerprint, stamp) VALUES (?, ?, ?, ?, ?, ?)",
        (
            datetime.now(UTC).isoformat(timespec="seconds"),
            action,
            num_rows,
            _our_version(),
            read_setting(connection, "fingerprint"),
            secrets.randbits(63),
        ),
    )
    return int(cursor.lastrowid or 0)


@cache
def _our_version() -> str:
    try:
        return version("fused-encoder")
    except PackageNotFoundError:
        return "unknown"


def _checksum(id_: str, blob: bytes, metadata: str) -> int:
    return zlib.crc32(b"".join((id_.encode(), blob, metadata.encode())))


def _encoded(id_: str, embedding: np.ndarray, metadata: Metadata) -> tuple[str, bytes, str, int]:
    """The row as the file keeps it, without its position."""
    blob, text = np.asarray(embedding, dtype=ON_DISK).tobytes(), _to_json(metadata)
    return id_, blob, text, _checksum(id_, blob, text)


def _next_position(connection: sqlite3.Connection) -> int:
    """Behind all rows that are there or ever were: a position is given once."""
    (last,) = connection.execute("SELECT max(position) FROM rows").fetchone()
    return max(int(last or 0) + 1, int(read_setting(connection, "next_position") or 1))


def _write_changes(connection: sqlite3.Connection, ids: Sequence[str], entry: int) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO changes (position, entry) "
        f"SELECT position, ? FROM rows WHERE id IN {AMONG}",
        (entry, json.dumps(ids)),
    )
