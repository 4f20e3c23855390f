"""The embeddings of an index file in memory: one contiguous matrix that follows what is written."""

from __future__ import annotations

import sqlite3
import zlib
from pathlib import Path

import numpy as np

from inference.index.sqlite_file import read_setting

ROWS_AT_ONCE = 8192
ON_DISK = np.dtype("<f4")


def row_checksum(id_: str, blob: bytes, metadata: str) -> int:
    """CRC-32 over all that a row holds, so that a damaged row is noticed when it is read."""
    return zlib.crc32(metadata.encode(), zlib.crc32(blob, zlib.crc32(id_.encode())))


def check_row(path: Path, id_: str, blob: bytes, metadata: str, checksum: int) -> None:
    """Refuse a row that is not what was written.

    Raises:
        ValueError: the checksum does not fit; names the row.
    """
    if row_checksum(id_, blob, metadata) != checksum:
        raise ValueError(
            f"The row {id_!r} of the index {path} is damaged (its checksum does not fit). "
            "Restore the index from a copy, or delete this id and add it again."
        )


class ResidentMatrix:
    """Rows of the file as unit vectors, in insertion order.

    New rows are appended when the next search looks; after a delete or an update of embeddings (which raise
    the file's `generation`) everything is read again.

    Attributes:
        positions: int64 [num], where each row stands in the file, increasing.
        embeddings: float32 [num, size], unit length.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._forget(0)

    def _forget(self, size: int) -> None:
        self._generation: str | int | None = None
        self.positions = np.empty(0, dtype=np.int64)
        self.embeddings = np.empty((0, size), dtype=np.float32)

    def refresh(self, connection: sqlite3.Connection, size: int) -> None:
        """Catch up with the file as the caller's transaction sees it."""
        generation = read_setting(connection, "generation")
        if generation != self._generation or self.embeddings.shape[1] != size:
            self._forget(size)
        last = int(self.positions[-1]) if len(self.positions) else -1
        positions, embeddings = self._read_after(connection, last, size)
        if len(self.positions) == 0:
            self.positions, self.embeddings = positions, embeddings
        elif len(positions):
            self.positions = np.concatenate([self.positions, positions])
            self.embeddings = np.concatenate([self.embeddings, embeddings])
        self._generation = generation

    def _read_after(
        self, connection: sqlite3.Connection, last: int, size: int
    ) -> tuple[np.ndarray, np.ndarray]:
        (num,) = connection.execute(
            "SELECT count(*) FROM rows WHERE position > ?", (last,)
        ).fetchone()
        positions = np.empty(num, dtype=np.int64)
        embeddings = np.empty((num, size), dtype=np.float32)
        cursor = connection.execute(
            "SELECT position, id, embedding, metadata, checksum FROM rows "
            "WHERE position > ? ORDER BY position",
            (last,),
        )
        filled = 0
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            for _, *row in rows:
                check_row(self._path, *row)
            part = slice(filled, filled + len(rows))
            positions[part] = [row[0] for row in rows]
            read = np.frombuffer(b"".join(row[2] for row in rows), dtype=ON_DISK).reshape(
                len(rows), size
            )
            embeddings[part] = read / np.linalg.norm(read, axis=1, keepdims=True)
            filled += len(rows)
        return positions, embeddings
