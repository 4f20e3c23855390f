"""Search over the rows of an index file: filter, scan, and the rows behind what was found."""

from __future__ import annotations

import json
import sqlite3
from contextlib import suppress
from functools import partial

import numpy as np

from inference.embeddings import Embeddings
from inference.index.checks import check_same_encoder
from inference.index.exact_scan import Found, nearest
from inference.index.matrix_cache import SnapshotBehindError
from inference.index.metadata_columns import MetadataColumns
from inference.index.resident_matrix import ResidentMatrix
from inference.index.schema import read_settings
from inference.index.sqlite_errors import damaged
from inference.index.sqlite_file import AMONG, SqliteFile
from inference.index.store import Filter, Hit
from inference.index.stored_rows import COLUMNS, check_row

TRIES = 4


class SqliteSearch:
    """What is kept in memory between searches of one file, and the search itself.

    Args:
        file: SqliteFile.
    """

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._matrix: ResidentMatrix | None = None
        self._columns = MetadataColumns()

    def hits(
        self, queries: Embeddings, k: int, where: Filter, min_similarity: float | None
    ) -> list[list[Hit]]:
        """For each query its k nearest rows, nearest first, equals in insertion order."""
        ask = partial(self._hits, queries, k, where, min_similarity)
        for _ in range(TRIES):
            with suppress(SnapshotBehindError), self._file.reading() as connection:
                return ask(connection)
        with (
            self._file.reading() as connection
        ):  # it is ahead for good: of another copy of the index
            return ask(connection, may_replace_newer=True)

    def _hits(
        self,
        queries: Embeddings,
        k: int,
        where: Filter,
        min_similarity: float | None,
        connection: sqlite3.Connection,
        *,
        may_replace_newer: bool = False,
    ) -> list[list[Hit]]:
        settings = read_settings(connection)
        check_same_encoder(queries, settings, f"The index {self._file.path}")
        if settings.embedding_size is None:
            return [[] for _ in queries]
        if self._matrix is None:
            may_write = not self._file.is_read_only
            self._matrix = ResidentMatrix(
                self._file.path, settings.embedding_size, may_write=may_write
            )
        matrix = self._matrix
        matrix.refresh(connection, may_replace_newer=may_replace_newer)
        passing = matrix.is_live
        if where:
            passing = self._columns.passing(connection, where, matrix.positions)
            passing = passing if matrix.is_live is None else passing & matrix.is_live
        found = nearest(matrix.embeddings, np.asarray(queries), k, min_similarity, passing)
        return self._with_rows(connection, matrix.positions, found)

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
