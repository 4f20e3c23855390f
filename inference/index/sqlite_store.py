"""The embedded, durable store: rows in one SQLite file, searched exactly in memory."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from inference.embeddings import Embeddings
from inference.index.checks import check_same_encoder
from inference.index.metadata_columns import condition
from inference.index.schema import (
    read_log,
    read_setting,
    read_settings,
    write_log,
    write_setting,
)
from inference.index.sqlite_file import AMONG, SqliteFile, structural_faults
from inference.index.sqlite_search import SqliteSearch
from inference.index.store import Approximation, Filter, Hit, LogEntry, Metadata, Row, StoreSettings
from inference.index.stored_rows import (
    COLUMNS,
    StoredRow,
    check_row,
    decoded,
    encoded,
    in_order,
    is_whole,
    new_rows,
)

ROWS_PER_PAGE = 1000


class SqliteStore:
    """Rows in one file; one writer at a time, any number of readers, in any processes and threads.

    What a call has written is on disk (fsync) when the call returns. Another process sees it at its next
    call; a second writer waits for the first.

    Args:
        path: str or Path of the file.
        create: bool, whether to start a new index where there is no file.
        read_only: bool, whether to write nothing, neither the file nor beside it.
    """

    def __init__(self, path: str | Path, *, create: bool = True, read_only: bool = False) -> None:
        self._path = Path(path)
        self._file = SqliteFile(self._path, create=create, read_only=read_only)
        self._search = SqliteSearch(self._file)

    @property
    def location(self) -> str:
        """The index file, in words for messages."""
        return f"The index {self._path}"

    def settings(self) -> StoreSettings:
        """The encoder and size that the file accepts."""
        with self._file.reading() as connection:
            return read_settings(connection)

    def add(self, ids: Sequence[str], embeddings: Embeddings, metadata: Sequence[Metadata]) -> int:
        """Keep the rows that are new, in one transaction; returns how many were."""
        rows = encoded(ids, embeddings, metadata)
        with self._file.writing() as connection:
            self._adopt(connection, embeddings)
            stored = {row[1]: row for row in self._select(connection, ids)}
            new = new_rows(rows, stored, self.location)
            connection.executemany(
                "INSERT INTO rows (position, id, embedding, metadata, checksum) VALUES (?, ?, ?, ?, ?)",
                ((position, *row) for position, row in enumerate(new, _next_position(connection))),
            )
            if new:
                write_log(connection, "add", len(new))
        return len(new)

    def update(
        self, ids: Sequence[str], embeddings: Embeddings | None, metadata: Sequence[Metadata] | None
    ) -> None:
        """Replace embeddings, metadata or both of rows that are there, in one transaction."""
        with self._file.writing() as connection:
            if embeddings is not None:
                self._adopt(connection, embeddings)
            stored = self._in_order(connection, ids)
            rows = encoded(
                ids,
                [row.embedding for row in stored] if embeddings is None else embeddings,
                [row.metadata for row in stored] if metadata is None else metadata,
            )
            connection.executemany(
                "UPDATE rows SET embedding = ?, metadata = ?, checksum = ? WHERE id = ?",
                [(*values, id_) for id_, *values in rows],
            )
            if rows:
                entry = write_log(connection, "update", len(rows))
                _write_changes(connection, ids, entry)
                write_setting(connection, "last_update", entry)

    def delete(self, ids: Sequence[str]) -> int:
        """Forget these rows, in one transaction; returns how many were there."""
        among = json.dumps(ids)
        with self._file.writing() as connection:
            (num,) = connection.execute(
                f"SELECT count(*) FROM rows WHERE id IN {AMONG}", (among,)
            ).fetchone()
            if num:
                write_setting(connection, "next_position", _next_position(connection))
                _write_changes(connection, ids, write_log(connection, "delete", num))
                connection.execute(f"DELETE FROM rows WHERE id IN {AMONG}", (among,))
        return int(num)

    def get(self, ids: Sequence[str]) -> list[Row]:
        """The rows in the order of `ids`."""
        with self._file.reading() as connection:
            return self._in_order(connection, ids)

    def rows(self) -> Iterator[Row]:
        """All rows in insertion order, a page at a time, so that others can write meanwhile."""
        position = -1
        while True:
            with self._file.reading() as connection:
                fingerprint = read_settings(connection).fingerprint
                page = connection.execute(
                    f"SELECT {COLUMNS} FROM rows WHERE position > ? ORDER BY position LIMIT {ROWS_PER_PAGE}",
                    (position,),
                ).fetchall()
            if not page:
                return
            position = page[-1][0]
            for row in page:
                check_row(self._path, *row[1:])
                yield decoded(row, fingerprint)

    def count(self, where: Filter) -> int:
        """How many rows pass the filter."""
        sql, parameters = condition(where)
        with self._file.reading() as connection:
            (num,) = connection.execute(
                f"SELECT count(*) FROM rows WHERE {sql}", parameters
            ).fetchone()
        return int(num)

    def search(
        self,
        queries: Embeddings,
        k: int,
        where: Filter,
        min_similarity: float | None,
        *,
        approximate: bool = False,
    ) -> list[list[Hit]]:
        """For each query its k nearest rows, nearest first, equals in insertion order."""
        return self._search.hits(queries, k, where, min_similarity, approximate=approximate)

    def build_approximate(self, target_recall: float) -> Approximation | None:
        """Divide the rows into groups; None where they are so few that exact search is as quick."""
        return self._search.build_approximate(target_recall)

    def approximation(self) -> Approximation | None:
        """What was built, if it still fits."""
        return self._search.approximation()

    def log(self) -> Iterator[LogEntry]:
        """What was done to the rows, oldest first."""
        with self._file.reading() as connection:
            entries = list(read_log(connection))
        return iter(entries)

    def write_log(self, action: str, num_rows: int) -> None:
        """Note in the log what was done by other means."""
        with self._file.writing() as connection:
            write_log(connection, action, num_rows)

    def compact(self) -> int:
        """Give the space of deleted rows back to the disk, and make the matrix of what is left."""
        before = self._file.num_bytes()
        with self._file.writing() as connection:
            (num,) = connection.execute("SELECT count(*) FROM rows").fetchone()
            entry = write_log(connection, "compact", num)
            if connection.execute("DELETE FROM changes").rowcount:
                write_setting(connection, "changes_from", entry)
        self._file.shrink()
        self._search.refresh()
        return before - self._file.num_bytes()

    def check(self) -> list[str]:
        """Read everything; what is wrong, in words."""
        with self._file.reading() as connection:
            faults = structural_faults(connection, at_most=20)
            faults += damaged_rows(connection)
            return faults + self._search.faults(connection)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _adopt(self, connection: sqlite3.Connection, embeddings: Embeddings) -> None:
        """Check these embeddings against the file's encoder; the first ones say which that is."""
        settings = read_settings(connection)
        check_same_encoder(embeddings, settings, self.location)
        if len(embeddings) and settings.embedding_size is None:
            write_setting(connection, "embedding_size", embeddings.shape[1])
        if len(embeddings) and settings.fingerprint is None and embeddings.fingerprint:
            write_setting(connection, "fingerprint", embeddings.fingerprint)

    def _select(self, connection: sqlite3.Connection, ids: Sequence[str]) -> list[StoredRow]:
        """These rows as they are stored, checked; in no order, without those that are not there."""
        found = connection.execute(
            f"SELECT {COLUMNS} FROM rows WHERE id IN {AMONG}", (json.dumps(ids),)
        ).fetchall()
        for _, *row in found:
            check_row(self._path, *row)
        return found

    def _in_order(self, connection: sqlite3.Connection, ids: Sequence[str]) -> list[Row]:
        fingerprint = read_settings(connection).fingerprint
        return in_order(ids, self._select(connection, ids), fingerprint, self.location)


def damaged_rows(connection: sqlite3.Connection) -> list[str]:
    """Every row whose checksum does not fit, in words."""
    try:
        return [
            f"the row {id_!r} at position {position} is not what was written"
            for position, id_, *rest in connection.execute(f"SELECT {COLUMNS} FROM rows")
            if not is_whole(id_, *rest)
        ]
    except sqlite3.DatabaseError as error:
        return [f"not all rows can be read ({error})"]


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
