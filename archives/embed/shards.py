"""Shards: Parquet files that are only ever added, each whole or not there at all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow

from archives.embed.embedding_rows import Place, Rows, rows_to_table
from archives.embed.file_rows import FileRow
from archives.embed.part_file import SHARDS_FOLDER, PartFile
from archives.embed.run import Run
from archives.embed.sources import Source

Part: TypeAlias = "Rows | pyarrow.Table"
ROWS_IN_MEMORY = 4096
"""Rows of one file beyond which it gets a shard of its own, written as it goes."""


class ShardWriter:
    """Gathers the rows of finished files and writes a shard now and then.

    A file's rows and what became of it lie in one shard, and a shard appears by one rename. So whatever
    ends a run, each file is wholly there or not at all. Memory holds at most `ROWS_IN_MEMORY` rows of one
    file, and those of finished files until a shard is full.

    Args:
        folder: of the archive; its sub-folder `shards` is made.
        run: what makes the rows.
        rows_per_shard: int > 0.
        files_per_shard: int > 0.
        seconds_per_shard: float, after which a shard is written however small it is: what a crash can cost.
    """

    def __init__(
        self,
        folder: Path,
        run: Run,
        *,
        rows_per_shard: int = 8192,
        files_per_shard: int = 4096,
        seconds_per_shard: float = 60.0,
    ) -> None:
        self.run = run
        self.folder = folder
        self._folder = folder / SHARDS_FOLDER
        self._folder.mkdir(parents=True, exist_ok=True)
        self._limits = (rows_per_shard, files_per_shard, seconds_per_shard)
        self._finished: list[tuple[FileRow, list[Part]]] = []
        self._num_rows = 0
        self._since = time.monotonic()

    def open_file(self, source: Source) -> FileShare:
        """Where the rows of one source go."""
        return FileShare(self, source)

    def begin_part(self) -> PartFile:
        """A shard in the making."""
        return PartFile(self._folder, self.run)

    def keep(self, row: FileRow, parts: list[Part]) -> None:
        """A file that is finished, with all its rows; writes a shard where it is time to.

        Args:
            row: what became of it.
            parts: its rows.
        """
        if not self._finished:
            self._since = time.monotonic()
        self._finished.append((row, parts))  # one step: an interrupt finds all of it or none
        self._num_rows += sum(map(len, parts))
        rows, files, _ = self._limits
        if self._num_rows >= rows or len(self._finished) >= files:
            self.flush()
        self.flush_old()

    def flush_old(self) -> None:
        """As `flush`, where what is finished has waited long enough: a long file may take hours to follow."""
        if time.monotonic() - self._since >= self._limits[2]:
            self.flush()

    def flush(self) -> None:
        """Writes what is finished as a shard; nothing where nothing is."""
        if not self._finished:
            return
        shard = self.begin_part()
        try:
            parts = [part for _, parts in self._finished for part in parts]
            if parts:
                shard.write(_joined(parts))
            shard.commit([row for row, _ in self._finished])
        finally:
            shard.discard()
        self._finished, self._num_rows = [], 0


class FileShare:
    """The rows of one file, on their way into a shard.

    Args:
        writer: whose shards they go to.
        source: the file.
    """

    def __init__(self, writer: ShardWriter, source: Source) -> None:
        self._writer, self._source = writer, source
        self._parts: list[Part] = []
        self._own: PartFile | None = None  # of a long file
        self._num_waiting = 0
        self.num_rows = 0

    def add(self, embeddings: np.ndarray, places: Sequence[Place]) -> None:
        """Some rows more.

        Args:
            embeddings: float32 [num, size], unit length.
            places: num of them.
        """
        self._add(Rows(self._source, embeddings, places))

    def add_table(self, table: pyarrow.Table) -> None:
        """Some rows more, of `rows_schema`."""
        self._add(table)

    def _add(self, part: Part) -> None:
        self._parts.append(part)
        self.num_rows += len(part)
        self._num_waiting += len(part)
        if self._num_waiting >= ROWS_IN_MEMORY:
            self._spill()
        self._writer.flush_old()

    def finish(self, row: FileRow) -> FileRow:
        """All rows are there.

        Args:
            row: what became of the file.

        Returns:
            The row, with the number of embeddings and the time filled in.
        """
        row = replace(row, num_embeddings=self.num_rows, finished_ns=time.time_ns())
        if self._own is None:
            self._writer.keep(row, self._parts)
        else:
            self._spill()
            self._own.commit([row])
        return row

    def discard(self) -> None:
        """The file is not to be kept; does nothing to one that is finished."""
        if self._own is not None:
            self._own.discard()

    def _spill(self) -> None:
        if self._own is None:
            self._own = self._writer.begin_part()
        if self._parts:
            self._own.write(_joined(self._parts))
        self._parts, self._num_waiting = [], 0


def _joined(parts: Sequence[Part]) -> pyarrow.Table:
    """All parts as one table, in their order."""
    tables: list[pyarrow.Table] = []
    for is_made, group in groupby(parts, key=lambda part: isinstance(part, pyarrow.Table)):
        members = list(group)
        tables += members if is_made else [rows_to_table(members)]
    return pyarrow.concat_tables(tables)
