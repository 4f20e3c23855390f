"""The embedded, durable store: rows in one SQLite file, searched exactly in memory."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from inference.embeddings import Embeddings
from inference.index.checks import check_same_encoder, quoted
from inference.index.exact_scan import nearest
from inference.index.resident_matrix import ON_DISK, ResidentMatrix, check_row, row_checksum
from inference.index.sqlite_file import SqliteFile, read_setting, write_setting
from inference.index.store import Filter, Hit, Metadata, Row, StoreSettings

SAME_EMBEDDING_TOLERANCE = 1e-5
ROWS_PER_PAGE = 1000
COLUMNS = "position, id, embedding, metadata, checksum"
StoredRow = tuple[int, str, bytes, str, int]  # COLUMNS
EncodedRow = tuple[str, bytes, str, int]  # COLUMNS without the position
AMONG = "(SELECT value FROM json_each(?))"  # any number of values in one parameter


class SqliteStore:
    """Rows in one file; one writer at a time, any number of readers, in any processes and threads.

    What a call has written is on disk (fsync) when the call returns. Another process sees it at its next
    call; a second writer waits for the first.

    Args:
        path: str or Path of the file.
        create: bool, whether to start a new index where there is none.
    """

    def __init__(self, path: str | Path, *, create: bool = True) -> None:
        self._path = Path(path)
        self._file = SqliteFile(self._path, create=create)
        self._matrix = ResidentMatrix(self._path)

    @property
    def location(self) -> str:
        """The index file, in words for messages."""
        return f"The index {self._path}"

    def settings(self) -> StoreSettings:
        """The encoder and size that the file accepts."""
        with self._file.reading() as connection:
            return _settings(connection)

    def add(self, ids: Sequence[str], embeddings: Embeddings, metadata: Sequence[Metadata]) -> int:
        """Keep the rows that are new, in one transaction; returns how many were."""
        with self._file.writing() as connection:
            self._adopt(connection, embeddings)
            encoded = _encoded(ids, embeddings, metadata)
            stored = {row[1]: row for row in self._select(connection, ids)}
            changed = [
                row[0] for row in encoded if row[0] in stored and not _is_same(row, stored[row[0]])
            ]
            if changed:
                raise ValueError(
                    f"{self.location} holds {len(changed)} of these ids with another embedding or other "
                    f"metadata: {quoted(changed)}. Nothing was added. To replace rows use update; for new "
                    "rows choose new ids."
                )
            new = [row for row in encoded if row[0] not in stored]
            connection.executemany(
                "INSERT INTO rows (id, embedding, metadata, checksum) VALUES (?, ?, ?, ?)", new
            )
        return len(new)

    def update(
        self, ids: Sequence[str], embeddings: Embeddings | None, metadata: Sequence[Metadata] | None
    ) -> None:
        """Replace embeddings, metadata or both of rows that are there, in one transaction."""
        with self._file.writing() as connection:
            if embeddings is not None:
                self._adopt(connection, embeddings)
            stored = self._in_order(connection, ids)
            encoded = _encoded(
                ids,
                [row.embedding for row in stored] if embeddings is None else embeddings,
                [row.metadata for row in stored] if metadata is None else metadata,
            )
            connection.executemany(
                "UPDATE rows SET embedding = ?, metadata = ?, checksum = ? WHERE id = ?",
                [(*values, id_) for id_, *values in encoded],
            )
            if embeddings is not None:
                _raise_generation(connection)

    def delete(self, ids: Sequence[str]) -> int:
        """Forget these rows, in one transaction; returns how many were there."""
        with self._file.writing() as connection:
            num = connection.execute(
                f"DELETE FROM rows WHERE id IN {AMONG}", (json.dumps(ids),)
            ).rowcount
            if num:
                _raise_generation(connection)
        return num

    def get(self, ids: Sequence[str]) -> list[Row]:
        """The rows in the order of `ids`."""
        with self._file.reading() as connection:
            return self._in_order(connection, ids)

    def rows(self) -> Iterator[Row]:
        """All rows in insertion order, a page at a time, so that others can write meanwhile."""
        position = -1
        while True:
            with self._file.reading() as connection:
                fingerprint = _settings(connection).fingerprint
                page = connection.execute(
                    f"SELECT {COLUMNS} FROM rows WHERE position > ? ORDER BY position LIMIT {ROWS_PER_PAGE}",
                    (position,),
                ).fetchall()
            if not page:
                return
            position = page[-1][0]
            for row in page:
                check_row(self._path, *row[1:])
                yield _decoded(row, fingerprint)

    def count(self, where: Filter) -> int:
        """How many rows pass the filter."""
        condition, parameters = _condition(where)
        with self._file.reading() as connection:
            (num,) = connection.execute(
                f"SELECT count(*) FROM rows WHERE {condition}", parameters
            ).fetchone()
        return int(num)

    def search(
        self, queries: Embeddings, k: int, where: Filter, min_similarity: float | None
    ) -> list[list[Hit]]:
        """For each query its k nearest rows, nearest first, equals in insertion order."""
        with self._file.reading() as connection:
            settings = _settings(connection)
            check_same_encoder(queries, settings, self.location)
            if settings.embedding_size is None:
                return [[] for _ in queries]
            self._matrix.refresh(connection, settings.embedding_size)
            positions, embeddings = self._passing(connection, where)
            found = [
                (positions[rows], similarities)
                for rows, similarities in nearest(
                    embeddings, np.asarray(queries), k, min_similarity
                )
            ]
            rows = self._by_position(
                connection, sorted({int(p) for hits, _ in found for p in hits})
            )
        return [
            [
                _hit(*rows[int(position)], similarity)
                for position, similarity in zip(*hits, strict=True)
            ]
            for hits in found
        ]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _adopt(self, connection: sqlite3.Connection, embeddings: Embeddings) -> None:
        """Check these embeddings against the file's encoder; the first ones say which that is."""
        settings = _settings(connection)
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
        fingerprint = _settings(connection).fingerprint
        stored = {row[1]: _decoded(row, fingerprint) for row in self._select(connection, ids)}
        missing = [id_ for id_ in ids if id_ not in stored]
        if missing:
            raise KeyError(
                f"{self.location} does not hold {len(missing)} of these ids: {quoted(missing)}."
            )
        return [stored[id_] for id_ in ids]

    def _by_position(
        self, connection: sqlite3.Connection, positions: list[int]
    ) -> dict[int, tuple[str, str]]:
        found = connection.execute(
            f"SELECT position, id, metadata FROM rows WHERE position IN {AMONG}",
            (json.dumps(positions),),
        )
        return {position: (id_, metadata) for position, id_, metadata in found}

    def _passing(
        self, connection: sqlite3.Connection, where: Filter
    ) -> tuple[np.ndarray, np.ndarray]:
        """Positions and embeddings of the rows that pass the filter."""
        if not where:
            return self._matrix.positions, self._matrix.embeddings
        condition, parameters = _condition(where)
        found = connection.execute(
            f"SELECT position FROM rows WHERE {condition} ORDER BY position", parameters
        )
        positions = np.fromiter((position for (position,) in found), dtype=np.int64)
        return positions, self._matrix.embeddings[
            np.searchsorted(self._matrix.positions, positions)
        ]


def _settings(connection: sqlite3.Connection) -> StoreSettings:
    fingerprint = read_setting(connection, "fingerprint")
    size = read_setting(connection, "embedding_size")
    return StoreSettings(
        None if fingerprint is None else str(fingerprint), None if size is None else int(size)
    )


def _raise_generation(connection: sqlite3.Connection) -> None:
    write_setting(connection, "generation", int(read_setting(connection, "generation") or 0) + 1)


def _encoded(
    ids: Sequence[str], embeddings: Embeddings | Sequence[Embeddings], metadata: Sequence[Metadata]
) -> list[EncodedRow]:
    vectors = np.asarray(embeddings, dtype=ON_DISK)
    encoded = []
    for id_, vector, entry in zip(ids, vectors, metadata, strict=True):
        blob, text = vector.tobytes(), json.dumps(entry, ensure_ascii=False, allow_nan=False)
        encoded.append((id_, blob, text, row_checksum(id_, blob, text)))
    return encoded


def _decoded(stored: StoredRow, fingerprint: str | None) -> Row:
    _, id_, blob, metadata, _ = stored
    return Row(
        id_, Embeddings.of(np.frombuffer(blob, dtype=ON_DISK), fingerprint), json.loads(metadata)
    )


def _is_same(row: EncodedRow, stored: StoredRow) -> bool:
    """Whether adding again changes nothing; the tolerance lets an embedding be computed again elsewhere."""
    _, blob, metadata, _ = row
    _, _, stored_blob, stored_metadata, _ = stored
    if (blob, metadata) == (stored_blob, stored_metadata):
        return True
    difference = np.abs(np.frombuffer(blob, ON_DISK) - np.frombuffer(stored_blob, ON_DISK)).max()
    is_near = bool(difference <= SAME_EMBEDDING_TOLERANCE)
    return is_near and json.loads(metadata) == json.loads(stored_metadata)


def _hit(id_: str, metadata: str, similarity: float) -> Hit:
    return Hit(id_, float(similarity), json.loads(metadata))


def _condition(where: Filter) -> tuple[str, list[str]]:
    """The filter in SQL. Both sides pass through SQLite's own JSON reader: equal numbers stay equal."""
    conditions, parameters = ["1"], []
    for key, any_of in where.items():
        has_value = "json_extract(metadata, ?) IN (SELECT value FROM json_each(?))"
        is_absent = " OR json_extract(metadata, ?) IS NULL" if None in any_of else ""
        conditions.append(f"({has_value}{is_absent})")
        path = f'$."{key}"'
        parameters += [path, json.dumps(any_of, ensure_ascii=False), *([path] if is_absent else [])]
    return " AND ".join(conditions), parameters
