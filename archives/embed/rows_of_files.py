"""The rows of one file after the other, out of shards that hold those of thousands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow
from pyarrow import compute

ReadShard = Callable[[Path], Iterator[pyarrow.Table]]
MOST_ROWS_AT_HAND = 32_768


class RowsOfFiles:
    """Keeps the shard at hand that was asked for last: the next file is likely to lie in it too.

    Args:
        read: gives the tables of a shard.
    """

    def __init__(self, read: ReadShard) -> None:
        self._read = read
        self._shard: Path | None = None
        self._table: pyarrow.Table | None = None
        self._rows: dict[str, tuple[int, int]] = {}

    def find(self, shard: Path, file: str) -> Iterator[pyarrow.Table]:
        """The rows of a file, which follow each other in its shard.

        Args:
            shard: that holds them.
            file: its name.
        """
        if shard != self._shard:
            self._take_up(shard)
        if self._table is not None:
            yield _copied(self._table, *self._rows.get(file, (0, 0)))
            return
        for table in self._read(shard):  # too large to be kept: a night, which has it to itself
            yield table.filter(compute.equal(table["file"], file))

    def _take_up(self, shard: Path) -> None:
        tables: list[pyarrow.Table] = []
        self._shard = self._table = None
        for table in self._read(shard):
            tables.append(table)
            if sum(map(len, tables)) > MOST_ROWS_AT_HAND:
                self._shard = shard
                return
        if tables:
            self._table = pyarrow.concat_tables(tables).combine_chunks()
            self._rows = _rows_by_file(self._table["file"].to_pylist())
        self._shard = shard


def _rows_by_file(files: list[str]) -> dict[str, tuple[int, int]]:
    """First row and number of rows of each."""
    found: dict[str, tuple[int, int]] = {}
    for row, file in enumerate(files):
        first, _ = found.get(file, (row, 0))
        found[file] = first, row + 1 - first
    return found


def _copied(table: pyarrow.Table, first: int, num_rows: int) -> pyarrow.Table:
    """Rows in memory of their own: a slice would keep all of its shard."""
    return table.take(np.arange(first, first + num_rows))
