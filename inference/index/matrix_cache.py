"""Keeps the matrix file of an index up to date: appends the new rows, or makes it anew."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from inference.index.matrix_file import (
    Chunks,
    MappedMatrix,
    append_rows,
    map_matrix,
    write_matrix,
)
from inference.index.schema import Moment, changes_known_from, was_at
from inference.index.side_files import beside, locked_file
from inference.index.stored_rows import COLUMNS, check_row, unit_vectors

logger = logging.getLogger(__name__)

ROWS_AT_ONCE = 8192
SECONDS_TO_WAIT = 60.0


class SnapshotBehindError(Exception):
    """The matrix file knows of a later moment than this transaction sees: begin it again.

    Attributes:
        moment: that moment.
    """

    def __init__(self, moment: Moment) -> None:
        super().__init__(moment)
        self.moment = moment


class MatrixCache:
    """The matrix file beside one index, for callers that are inside a transaction.

    Args:
        path: Path of the index.
        size: of an embedding.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._index = path
        self._size = size
        self._file = beside(path, "-matrix")

    def as_it_is(self, connection: sqlite3.Connection) -> MappedMatrix | None:
        """The file without touching it; None where it is missing, damaged or of no use."""
        return self._usable(map_matrix(self._file), connection)

    def up_to_date(
        self,
        connection: sqlite3.Connection,
        moment: Moment,
        known: MappedMatrix | None,
        *,
        may_replace_newer: bool,
    ) -> MappedMatrix:
        """The file with all rows of this moment; those of `known`, if mapped before, are not verified again.

        Raises:
            SnapshotBehindError: the file knows of a later moment (unless `may_replace_newer`: it is of
                another copy of the index).
            OSError: the file cannot be written.
        """
        mapped = map_matrix(self._file, known)
        if (usable := self._usable(mapped, connection)) and not _num_after(
            connection, _end(usable)
        ):
            return usable
        with locked_file(self._file, SECONDS_TO_WAIT) as descriptor:
            mapped = map_matrix(self._file, mapped)
            if mapped and mapped.header.moment.entry > moment.entry and not may_replace_newer:
                raise SnapshotBehindError(mapped.header.moment)
            if usable := self._usable(mapped, connection):
                return self._extended(descriptor, usable, connection, moment)
            logger.info("Making %s from the index.", self._file)
            rows = rows_after(self._index, connection, -1, self._size)
            return self._write(rows, _num_after(connection, -1), moment.entry, moment)

    def replace(
        self,
        positions: np.ndarray,
        embeddings: np.ndarray,
        is_live: np.ndarray | None,
        moment: Moment,
    ) -> MappedMatrix | None:
        """The file made of the live rows of this moment; None where one of a later moment is there.

        Raises:
            OSError: the file cannot be written.
        """
        with locked_file(self._file, SECONDS_TO_WAIT):
            present = map_matrix(self._file)
            if present and present.header.moment.entry > moment.entry:
                return None
            live = _chunks(positions, embeddings, is_live)
            return self._write(live, len(positions), moment.entry, moment)

    def faults(self, connection: sqlite3.Connection) -> list[str]:
        """What is wrong with the file, in words; a file that is not there is no fault."""
        if not self._file.exists() or self.as_it_is(connection):
            return []
        return [f"{self._file} is damaged or of another index; it is made again at the next search"]

    def _usable(
        self, mapped: MappedMatrix | None, connection: sqlite3.Connection
    ) -> MappedMatrix | None:
        """The file, if it is of this index and of a moment that the transaction sees."""
        if mapped is None:
            return None
        header = mapped.header
        is_ours = (
            header.size == self._size
            and was_at(connection, header.moment)
            and header.base_entry >= changes_known_from(connection)
        )
        return mapped if is_ours else None

    def _extended(
        self,
        descriptor: int,
        mapped: MappedMatrix,
        connection: sqlite3.Connection,
        moment: Moment,
    ) -> MappedMatrix:
        header, end = mapped.header, _end(mapped)
        num = header.num + _num_after(connection, end)
        new = rows_after(self._index, connection, end, self._size)
        if num > header.capacity:
            old = _chunks(mapped.positions, mapped.embeddings)
            return self._write(chain(old, new), num, header.base_entry, moment)
        append_rows(descriptor, header, new, moment)
        extended = map_matrix(self._file, mapped)
        if extended is None:
            raise OSError(f"{self._file} was written, but cannot be read again")
        return extended

    def _write(self, chunks: Chunks, num: int, base_entry: int, moment: Moment) -> MappedMatrix:
        return write_matrix(
            self._file,
            chunks,
            size=self._size,
            num_expected=num,
            base_entry=base_entry,
            moment=moment,
        )


def rows_after(path: Path, connection: sqlite3.Connection, position: int, size: int) -> Chunks:
    """Positions and unit vectors of the rows behind a position, checked, in order.

    Raises:
        ValueError: a row is damaged; names it.
    """
    cursor = connection.execute(
        f"SELECT {COLUMNS} FROM rows WHERE position > ? ORDER BY position", (position,)
    )
    while rows := cursor.fetchmany(ROWS_AT_ONCE):
        for _, *row in rows:
            check_row(path, *row)
        positions = np.array([row[0] for row in rows], dtype=np.int64)
        yield positions, unit_vectors([row[2] for row in rows], size)


def _num_after(connection: sqlite3.Connection, position: int) -> int:
    (num,) = connection.execute(
        "SELECT count(*) FROM rows WHERE position > ?", (position,)
    ).fetchone()
    return int(num)


def _end(mapped: MappedMatrix) -> int:
    return int(mapped.positions[-1]) if len(mapped.positions) else -1


def _chunks(
    positions: np.ndarray, embeddings: np.ndarray, is_live: np.ndarray | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for start in range(0, len(positions), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        kept = slice(None) if is_live is None else is_live[part]
        yield positions[part][kept], embeddings[part][kept]
