"""The embedded, durable store: rows in one SQLite file, searched in memory."""

import json
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from inference.embeddings import Embeddings
from inference.index.matrix import Chunks, Matrix, load_matrix, matrix_in_memory, save_matrix
from inference.index.near_rows import (
    FROM_ROWS,
    Found,
    Groups,
    group,
    load_groups,
    nearest,
    ranked,
    save_groups,
)
from inference.index.rows import Approximation, Filter, Hit, Scalar, check_same_encoder
from inference.index.sqlite_rows import (
    AMONG,
    COLUMNS,
    INDEX_FILE,
    ROWS_AT_ONCE,
    SqliteRows,
    check_row,
    is_whole,
    read_settings,
    revision_of,
    unit_vectors,
    write_log,
)
from inference.sqlite_file import read_setting, structural_faults, write_setting
from inference.sqlite_log import beside

logger = logging.getLogger(__name__)

FEW_CHANGES = 1000  # so many are patched in memory; of more, the matrix is made anew


class SqliteStore(SqliteRows):
    """Rows in one file, and a matrix of them that follows what any process writes.

    Beside the file, where that may be written, stand copies for speed: the matrix of one revision
    (`-matrix.npy`) and the groups of approximate search (`-approximate.faiss`).
    """

    def __init__(self, path: str | Path, *, create: bool = True, read_only: bool = False) -> None:
        super().__init__(path, create=create, read_only=read_only)
        self._matrix_path = beside(self._path, "-matrix.npy")
        self._groups_path = beside(self._path, "-approximate.faiss")
        self._matrix: Matrix | None = None
        self._revision: tuple[int, int] | None = None  # of the matrix
        self._may_save = not self._file.is_read_only
        self._codes_of: dict[str, _Codes] = {}
        self._groups: Groups | None = None

    def search(  # noqa: D102
        self,
        queries: Embeddings,
        k: int,
        where: Filter,
        min_similarity: float | None,
        *,
        approximate: bool,
    ) -> list[list[Hit]]:
        with self._current() as (connection, matrix):
            check_same_encoder(queries, read_settings(connection), self._location)
            if matrix is None:
                return [[] for _ in queries]
            vectors = np.asarray(queries)
            passing = self._passing(connection, matrix, where)
            groups = self._current_groups() if approximate and not where else None
            if groups is None:
                found = nearest(matrix.embeddings, vectors, k, min_similarity, passing)
            else:
                candidates = groups.candidates(matrix, vectors, k)
                found = [
                    ranked(matrix.embeddings, query, rows, k, min_similarity)
                    for query, rows in zip(vectors, candidates, strict=True)
                ]
            return self._hits(connection, matrix, found)

    def _hits(
        self, connection: sqlite3.Connection, matrix: Matrix, found: Found
    ) -> list[list[Hit]]:
        """Ids and metadata of what was found, checked."""
        positions = [matrix.positions[rows].tolist() for rows, _ in found]
        wanted = sorted({position for some in positions for position in some})
        sql = f"SELECT {COLUMNS} FROM rows WHERE position IN {AMONG}"
        rows = {row[0]: row for row in connection.execute(sql, (json.dumps(wanted),))}
        for row in rows.values():
            check_row(self._path, row)
        if missing := [position for position in wanted if position not in rows]:
            fault = f"the row at position {missing[0]} is not there"
            raise ValueError(INDEX_FILE.damaged(self._path, fault))
        return [
            [
                Hit(rows[position][1], similarity, json.loads(rows[position][3]))
                for position, similarity in zip(some, similarities.tolist(), strict=True)
            ]
            for some, (_, similarities) in zip(positions, found, strict=True)
        ]

    def count(self, where: Filter) -> int:  # noqa: D102
        if not where:
            with self._file.reading() as connection:
                return int(connection.execute("SELECT count(*) FROM rows").fetchone()[0])
        with self._current() as (connection, matrix):
            passing = None if matrix is None else self._passing(connection, matrix, where)
            return 0 if passing is None else int(passing.sum())

    def _passing(
        self, connection: sqlite3.Connection, matrix: Matrix, where: Filter
    ) -> np.ndarray | None:
        """Which rows of the matrix are there and fit the filter, bool [num]; None for all."""
        passing = matrix.is_live
        for key, any_of in where.items():
            codes = self._codes_of.setdefault(key, _Codes(key))
            fits = codes.among(connection, any_of, matrix.positions)
            passing = fits if passing is None else passing & fits
        return passing

    def build_approximate(self, target_recall: float) -> Approximation | None:  # noqa: D102
        self._file.check_may_write()
        with self._current() as (_, matrix):
            if matrix is None or self._revision is None or len(matrix.live_rows()) < FROM_ROWS:
                return None
            groups = group(matrix, self._revision, target_recall)
            save_groups(self._groups_path, groups)
        return groups.approximation

    def approximation(self) -> Approximation | None:  # noqa: D102
        with self._current():
            groups = self._current_groups()
        return groups.approximation if groups else None

    def compact(self) -> int:  # noqa: D102
        with self._file.writing() as connection:
            (num,) = connection.execute("SELECT count(*) FROM rows").fetchone()
            entry = write_log(connection, "compact", num)
            if connection.execute("DELETE FROM changes").rowcount:
                write_setting(connection, "changes_from", entry)
        num_bytes = self._file.shrink()
        with self._current():  # makes the matrix anew
            return num_bytes

    def check(self) -> list[str]:  # noqa: D102
        with self._file.reading() as connection:
            faults = structural_faults(connection, at_most=20)
            try:
                for row in connection.execute(f"SELECT {COLUMNS} FROM rows"):
                    if not is_whole(row):
                        faults.append(
                            f"the row {row[1]!r} at position {row[0]} is not what was written"
                        )
            except sqlite3.DatabaseError as error:
                faults.append(f"not all rows can be read ({error})")
        return faults

    @contextmanager
    def _current(self) -> Iterator[tuple[sqlite3.Connection, Matrix | None]]:
        """A transaction, and the matrix as it sees it; None before the first rows were added."""
        if self._matrix is None:
            # before the transaction begins, which then sees all that the matrix holds
            self._matrix, self._revision = load_matrix(self._matrix_path)
        with self._file.reading() as connection:
            revision, size = revision_of(connection), read_settings(connection).embedding_size
            if size is not None and revision is not None and revision != self._revision:
                self._matrix = self._caught_up(connection, self._usable(connection, size), size)
                self._revision = revision
            yield connection, self._matrix if size else None

    def _usable(self, connection: sqlite3.Connection, size: int) -> Matrix | None:
        """The matrix, if it is of this file's own past, and all that changed since is known."""
        then, matrix = self._revision, self._matrix
        if matrix is None or then is None or matrix.embeddings.shape[1] != size:
            return None
        is_known = then[0] >= int(read_setting(connection, "changes_from") or 0)
        return matrix if is_known and revision_of(connection, then[0]) == then else None

    def _caught_up(
        self, connection: sqlite3.Connection, matrix: Matrix | None, size: int
    ) -> Matrix:
        if matrix is None:
            self._codes_of.clear()
            return self._made(connection, size, None)
        last = matrix.last_position
        for position, *row in connection.execute(
            f"SELECT changes.position, rows.{COLUMNS.replace(', ', ', rows.')} FROM changes "
            "LEFT JOIN rows ON rows.position = changes.position "
            "WHERE changes.entry > ? AND changes.position <= ?",
            (self._revision[0] if self._revision else 0, last),
        ):
            if row[0] is None:
                matrix.change(position, None)
                continue
            check_row(self._path, tuple(row))
            matrix.change(position, unit_vectors([row[2]], size)[0])
            self._codes_of.clear()
        found = connection.execute("SELECT count(*) FROM rows WHERE position > ?", (last,))
        is_full = found.fetchone()[0] > matrix.room
        if is_full or matrix.num_changed > max(FEW_CHANGES, len(matrix.positions) // 20):
            return self._made(connection, size, matrix)
        for positions, embeddings in self._chunks_after(connection, last, size):
            matrix.append(positions, embeddings)
        return matrix

    def _made(self, connection: sqlite3.Connection, size: int, old: Matrix | None) -> Matrix:
        """A matrix of all rows: in a file, which other processes share, or in memory."""

        def chunks() -> Chunks:
            yield from old.live_chunks() if old else ()
            yield from self._chunks_after(connection, old.last_position if old else 0, size)

        (num,) = connection.execute("SELECT count(*) FROM rows").fetchone()
        revision = revision_of(connection)
        if self._may_save and revision is not None:
            try:
                return save_matrix(self._matrix_path, revision, chunks(), num, size)
            except OSError as error:
                logger.warning("%s: searching without a matrix file (%s).", self._path, error)
                self._may_save = False
        return matrix_in_memory(chunks(), num, size)

    def _chunks_after(self, connection: sqlite3.Connection, position: int, size: int) -> Chunks:
        """Positions and unit vectors of the rows behind a position, checked, in order."""
        sql = f"SELECT {COLUMNS} FROM rows WHERE position > ? ORDER BY position"
        cursor = connection.execute(sql, (position,))
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            for row in rows:
                check_row(self._path, row)
            positions = np.array([row[0] for row in rows], dtype=np.int64)
            yield positions, unit_vectors([row[2] for row in rows], size)

    def _current_groups(self) -> Groups | None:
        if self._revision is None:
            return None
        if self._groups is None or self._groups.revision != self._revision:
            self._groups = load_groups(self._groups_path, self._revision)
        return self._groups


class _Codes:
    """The values of one key of the metadata as numbers, by position; 0: the row does not have the key."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._codes = np.zeros(1, dtype=np.int32)
        self._code_of: dict[Scalar, int] = {None: 0}

    def among(
        self, connection: sqlite3.Connection, any_of: Sequence[Scalar], positions: np.ndarray
    ) -> np.ndarray:
        """Bool [num]: whether the rows at these positions (int64 [num]) have any of the values."""
        self._read_new(connection)
        is_wanted = np.zeros(len(self._code_of), dtype=bool)
        is_wanted[[self._code_of[value] for value in any_of if value in self._code_of]] = True
        # A row that was deleted since may stand behind all that are left; it does not pass in any case.
        return is_wanted[self._codes[np.minimum(positions, len(self._codes) - 1)]]

    def _read_new(self, connection: sqlite3.Connection) -> None:
        (last,) = connection.execute("SELECT max(position) FROM rows").fetchone()
        first = len(self._codes)
        num_new = max(0, int(last or 0) + 1 - first)
        self._codes = np.pad(self._codes, (0, num_new))
        sql = "SELECT position, json_extract(metadata, ?) FROM rows WHERE position >= ?"
        for position, value in connection.execute(sql, (f'$."{self._key}"', first)):
            self._codes[position] = self._code_of.setdefault(value, len(self._code_of))
