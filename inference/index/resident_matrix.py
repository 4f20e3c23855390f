"""The embeddings of an index file in memory: one contiguous matrix that follows what is written."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import numpy as np

from inference.index.matrix_cache import MatrixCache, rows_after
from inference.index.matrix_file import MappedMatrix
from inference.index.schema import Moment, changes_known_from, current_moment, read_setting
from inference.index.stored_rows import check_row, unit_vectors

logger = logging.getLogger(__name__)

CHANGED_ROWS = """
SELECT changes.position, rows.id, rows.embedding, rows.metadata, rows.checksum
FROM changes LEFT JOIN rows ON rows.position = changes.position
WHERE changes.entry > ?
"""
FEW_CHANGES = 1000


class ResidentMatrix:
    """Rows of the file as unit vectors, in insertion order.

    Where a file beside the index may be written, the rows are kept there (`<path>-matrix`) and mapped into
    memory; elsewhere they are read into memory. New rows are appended when the next search looks. Rows that
    were updated or deleted are patched in this process; when they are many, the file is made anew.

    Args:
        path: Path of the index.
        size: of an embedding.
        may_write: bool, whether the file beside the index may be written.
    Attributes:
        positions: int64 [num], where each row stands in the file, increasing.
        embeddings: float32 [num, size], unit length.
        is_live: bool [num], False for rows that were deleted since; None while all are live.
    """

    def __init__(self, path: Path, size: int, *, may_write: bool) -> None:
        self._path, self._size = path, size
        self._cache = MatrixCache(path, size)
        self._may_write = may_write
        self._mapped: MappedMatrix | None = None
        self._moment: Moment | None = None
        self._old_state: tuple[str | int | None, int] | None = None
        self.positions, self.embeddings = np.empty(0, np.int64), np.empty((0, size), np.float32)
        self.is_live: np.ndarray | None = None
        self._num_patched = self._patched_to = 0

    def refresh(self, connection: sqlite3.Connection, *, may_replace_newer: bool = False) -> None:
        """Catch up with the file as the caller's transaction sees it.

        Raises:
            SnapshotBehindError: another process has put later rows into the matrix file: begin the
                transaction again (unless `may_replace_newer`).
            ValueError: a row of the index is damaged.
        """
        moment = current_moment(connection)
        if moment is None:  # a file of schema 1 has no log that could be followed
            state = (read_setting(connection, "generation"), _last_position(connection))
            if state != self._old_state:
                self._read_all(connection)
            self._old_state = state
            return
        if moment == self._moment:
            return
        if self._moment and self._patched_to < changes_known_from(connection):
            self._moment = self._mapped = None  # begin again
        if self._may_write:
            try:
                self._follow_file(connection, moment, may_replace_newer=may_replace_newer)
            except OSError as error:
                logger.warning("%s: searching without a matrix file (%s).", self._path, error)
                self._may_write, self._mapped = False, None
        if not self._may_write:
            self._follow_in_memory(connection, moment)
        self._patch(connection, moment)
        self._moment = moment
        if self._num_patched > max(FEW_CHANGES, len(self.positions) // 20):
            self._start_anew(connection, moment)

    def _follow_file(
        self, connection: sqlite3.Connection, moment: Moment, *, may_replace_newer: bool
    ) -> None:
        if self._mapped and self._end() >= _last_position(connection):
            return
        mapped = self._cache.up_to_date(
            connection, moment, self._mapped, may_replace_newer=may_replace_newer
        )
        self._use(mapped)

    def _follow_in_memory(self, connection: sqlite3.Connection, moment: Moment) -> None:
        if self._moment is None:
            if mapped := self._cache.as_it_is(connection):
                self._use(mapped)
            else:
                self._read_all(connection)
                self._patched_to = moment.entry
                return
        new = list(rows_after(self._path, connection, self._end(), self._size))
        if not new:
            return
        num_new = sum(len(positions) for positions, _ in new)
        self.positions = np.concatenate([self.positions, *(part for part, _ in new)])
        self.embeddings = np.concatenate([self.embeddings, *(part for _, part in new)])
        if self.is_live is not None:
            self.is_live = np.concatenate([self.is_live, np.ones(num_new, dtype=bool)])

    def _read_all(self, connection: sqlite3.Connection) -> None:
        (num,) = connection.execute("SELECT count(*) FROM rows").fetchone()
        positions, embeddings = np.empty(num, np.int64), np.empty((num, self._size), np.float32)
        filled = 0
        for part_positions, part_embeddings in rows_after(self._path, connection, -1, self._size):
            part = slice(filled, filled + len(part_positions))
            positions[part], embeddings[part] = part_positions, part_embeddings
            filled = part.stop
        self._set(positions, embeddings, patched_to=0)

    def _use(self, mapped: MappedMatrix) -> None:
        self._mapped = mapped
        self._set(mapped.positions, mapped.embeddings, patched_to=mapped.header.base_entry)

    def _set(self, positions: np.ndarray, embeddings: np.ndarray, *, patched_to: int) -> None:
        self.positions, self.embeddings = positions, embeddings
        self.is_live = None
        self._num_patched = 0
        self._patched_to = patched_to

    def _patch(self, connection: sqlite3.Connection, moment: Moment) -> None:
        """Work in what was updated or deleted since, in this process alone."""
        changed = connection.execute(CHANGED_ROWS, (self._patched_to,))
        while some := changed.fetchmany(1000):
            places = np.searchsorted(self.positions, [position for position, *_ in some])
            for place, (position, *row) in zip(places.tolist(), some, strict=True):
                if place == len(self.positions) or self.positions[place] != position:
                    continue  # came and went before the matrix was made
                self._num_patched += 1
                if row[0] is None:
                    if self.is_live is None:
                        self.is_live = np.ones(len(self.positions), dtype=bool)
                    self.is_live[place] = False
                else:
                    check_row(self._path, *row)
                    self.embeddings[place] = unit_vectors([row[1]], self._size)[0]
        self._patched_to = moment.entry

    def _start_anew(self, connection: sqlite3.Connection, moment: Moment) -> None:
        """Make the matrix of the live rows alone."""
        if not self._may_write:
            live = slice(None) if self.is_live is None else self.is_live
            self._set(self.positions[live], self.embeddings[live], patched_to=moment.entry)
            return
        try:
            mapped = self._cache.replace(self.positions, self.embeddings, self.is_live, moment)
        except OSError as error:
            logger.warning("%s: the matrix file cannot be written (%s).", self._path, error)
            return
        if mapped:
            self._use(mapped)

    def _end(self) -> int:
        return int(self.positions[-1]) if len(self.positions) else -1


def _last_position(connection: sqlite3.Connection) -> int:
    (last,) = connection.execute("SELECT max(position) FROM rows").fetchone()
    return -1 if last is None else int(last)
