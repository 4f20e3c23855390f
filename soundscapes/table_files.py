"""Tables on disk that grow by a few rows at a time, and appear whole or not at all."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pyarrow
from pyarrow import parquet

from media.atomic import atomic_file

_ROWS_IN_GROUP = 5_000


class CsvRows(Protocol):
    """A table that is being written."""

    def writerow(self, row: Iterable[object]) -> object: ...  # noqa: D102


@contextmanager
def csv_rows(path: Path, columns: Sequence[str]) -> Iterator[CsvRows]:
    """A CSV file with these columns."""
    with (
        atomic_file(path) as place,
        place.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        rows = csv.writer(file)
        rows.writerow(columns)
        yield rows


class ParquetRows:
    """Collects small tables and writes them together, in groups of many rows."""

    def __init__(self, writer: parquet.ParquetWriter) -> None:
        self.schema: pyarrow.Schema = writer.schema
        self._writer = writer
        self._waiting: list[pyarrow.Table] = []
        self._num_waiting = 0

    def add(self, table: pyarrow.Table) -> None:
        """Some rows more."""
        self._waiting.append(table)
        self._num_waiting += len(table)
        if self._num_waiting >= _ROWS_IN_GROUP:
            self.flush()

    def flush(self) -> None:
        """Writes what waits."""
        if self._waiting:
            self._writer.write_table(pyarrow.concat_tables(self._waiting))
        self._waiting, self._num_waiting = [], 0


@contextmanager
def parquet_rows(path: Path, schema: pyarrow.Schema) -> Iterator[ParquetRows]:
    """A Parquet file of this schema."""
    with (
        atomic_file(path) as place,
        parquet.ParquetWriter(str(place), schema, compression="zstd") as writer,
    ):
        rows = ParquetRows(writer)
        yield rows
        rows.flush()
