"""Search over the rows of an index file: filter, scan, and the rows behind what was found."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from inference.embeddings import Embeddings
from inference.index.approximate import ApproximateSearch
from inference.index.checks import check_same_encoder
from inference.index.exact_scan import Found, nearest
from inference.index.matrix_cache import MatrixCache, SnapshotBehindError
from inference.index.metadata_columns import MetadataColumns
from inference.index.resident_matrix import ResidentMatrix
from inference.index.schema import Moment, has_log, read_settings, was_at
from inference.index.sqlite_errors import damaged
from inference.index.sqlite_file import AMONG, SqliteFile
from inference.index.store import Approximation, Filter, Hit
from inference.index.stored_rows import COLUMNS, check_row

TRIES = 50  # more than there are processes that search one index at once


class SqliteSearch:
    """What is kept in memory between searches of one file, and the search itself.

    Args:
        file: SqliteFile.
    """

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._matrix: ResidentMatrix | None = None
        self._columns = MetadataColumns()
        self._approximate = ApproximateSearch(file.path)

    def hits(
        self,
        queries: Embeddings,
        k: int,
        where: Filter,
        min_similarity: float | None,
        *,
        approximate: bool,
    ) -> list[list[Hit]]:
        """For each query its k nearest rows, nearest first, equals in insertion order."""
        with self._current() as (connection, matrix):
            settings = read_settings(connection)
            check_same_encoder(queries, settings, f"The index {self._file.path}")
            if matrix is None:
                return [[] for _ in queries]
            vectors = np.asarray(queries)
            if where:
                passing = self._columns.passing(connection, where, matrix.positions)
                if matrix.is_live is not None:
                    passing &= matrix.is_live
                found = nearest(matrix.embeddings, vectors, k, min_similarity, passing)
            elif approximate:
                found = self._approximate.nearest(connection, matrix, vectors, k, min_similarity)
            else:
                found = nearest(matrix.embeddings, vectors, k, min_similarity, matrix.is_live)
            return self._with_rows(connection, matrix.positions, found)

    def build_approximate(self, target_recall: float) -> Approximation | None:
        """Divide the rows into groups, and measure what searching few of them misses."""
        self._file.check_may_write()
        with self._current() as (connection, matrix):
            if matrix is None:
                return None
            return self._approximate.build(connection, matrix, target_recall)

    def approximation(self) -> Approximation | None:
        """What was built, if it still fits."""
        with self._file.reading() as connection:
            about = self._approximate.about(connection, read_settings(connection).embedding_size)
        return about.approximation if about else None

    def refresh(self) -> None:
        """Make ready for the next search now."""
        with self._current():
            pass

    def faults(self, connection: sqlite3.Connection) -> list[str]:
        """What is wrong with the files beside the index."""
        size = read_settings(connection).embedding_size
        if size is None or not has_log(connection):
            return []
        return MatrixCache(self._file.path, size).faults(connection)

    @contextmanager
    def _current(self) -> Iterator[tuple[sqlite3.Connection, ResidentMatrix | None]]:
        """A transaction, and the matrix as it sees it; None before the first rows were added."""
        ahead: Moment | None = None
        for tries_left in reversed(range(TRIES)):
            with self._file.reading() as connection:
                # What another process saw before this transaction began is seen in it: or it is of
                # another copy of the index.
                is_foreign = ahead is not None and not was_at(connection, ahead)
                try:
                    self._refresh(connection, may_replace_newer=is_foreign or not tries_left)
                except SnapshotBehindError as error:
                    ahead = error.moment
                    continue
                yield connection, self._matrix
                return

    def _refresh(self, connection: sqlite3.Connection, *, may_replace_newer: bool) -> None:
        size = read_settings(connection).embedding_size
        if size is None:
            return
        if self._matrix is None:
            may_write = not self._file.is_read_only
            self._matrix = ResidentMatrix(self._file.path, size, may_write=may_write)
        self._matrix.refresh(connection, may_replace_newer=may_replace_newer)

    def _with_rows(
        self, connection: sqlite3.Connection, positions: np.ndarray, found: Found
    ) -> list[list[Hit]]:
        """The ids and metadata of what was found, checked."""
        places = [positions[rows].tolist() for rows, _ in found]
        wanted = sorted({position for some in places for position in some})
        rows = {}
        for position, *row in connection.execute(
            f"SELECT {COLUMNS} FROM rows WHERE position IN {AMONG}", (json.dumps(wanted),)
        ):
            check_row(self._file.path, *row)
            rows[position] = (row[0], json.loads(row[2]))
        if len(rows) < len(wanted):
            fault = f"{len(wanted) - len(rows)} rows that a search found are not there"
            raise ValueError(damaged(self._file.path, fault))
        return [
            [
                Hit(rows[position][0], similarity, rows[position][1].copy())
                for position, similarity in zip(some, similarities.tolist(), strict=True)
            ]
            for some, (_, similarities) in zip(places, found, strict=True)
        ]
