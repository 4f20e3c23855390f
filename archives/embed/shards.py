"""Shards: Parquet files that are only ever added, each whole or not there at all."""

import json
import os
import socket
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow
from pyarrow import parquet

from archives.embed.rows import FileRow, Row, rows_schema
from archives.embed.settings import Run

SHARDS_FOLDER = "shards"
RUN_KEY, FILES_KEY = b"fused_encoder", b"fused_encoder_files"
ROWS_IN_MEMORY = 4096
"""Rows of one file beyond which it gets a shard of its own, written as it goes."""


class ShardWriter:
    """Gathers the rows of finished files and writes a shard now and then.

    A file's rows and what became of it lie in one shard, and a shard appears by one rename. So whatever
    ends a run, each file is wholly there or not at all. `seconds_per_shard` is what a crash can cost.
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
        self.run, self.folder = run, folder
        (folder / SHARDS_FOLDER).mkdir(parents=True, exist_ok=True)
        self._limits = (rows_per_shard, files_per_shard, seconds_per_shard)
        self._finished: list[tuple[FileRow, list[Row]]] = []
        self._num_rows = 0
        self._since = time.monotonic()

    def keep(self, file: FileRow, rows: list[Row]) -> None:
        """A file that is finished, with all its rows; writes a shard where it is time to."""
        if not self._finished:
            self._since = time.monotonic()
        self._finished.append((file, rows))  # one step: an interrupt finds all of it or none
        self._num_rows += len(rows)
        self.flush_if_due()

    def flush_if_due(self) -> None:
        """As `flush`, if a shard is full or old: a long file may take hours to follow."""
        rows, files, seconds = self._limits
        is_full = self._num_rows >= rows or len(self._finished) >= files
        if is_full or time.monotonic() - self._since >= seconds:
            self.flush()

    def flush(self) -> None:
        """Writes what is finished as a shard."""
        if not self._finished:
            return
        shard = PartFile(self.folder, self.run)
        try:
            shard.write([row for _, rows in self._finished for row in rows])
            shard.commit([file for file, _ in self._finished])
        finally:
            shard.discard()
        self._finished, self._num_rows = [], 0


class RowsOfFile:
    """The rows of one file on their way into a shard; many of them into a shard of their own."""

    def __init__(self, writer: ShardWriter) -> None:
        self._writer = writer
        self._rows: list[Row] = []
        self._shard: PartFile | None = None  # of a long file
        self.num_rows = 0

    def add(self, rows: Sequence[Row]) -> None:
        """Some rows more."""
        self._rows += rows
        self.num_rows += len(rows)
        if len(self._rows) >= ROWS_IN_MEMORY:
            self._shard = self._shard or PartFile(self._writer.folder, self._writer.run)
            self._shard.write(self._rows)
            self._rows = []
        self._writer.flush_if_due()

    def finish(self, file: FileRow) -> FileRow:
        """All rows are there; gives what became of the file, with the number of rows and the time."""
        file = replace(file, num_embeddings=self.num_rows, finished_ns=time.time_ns())
        if self._shard is None:
            self._writer.keep(file, self._rows)
        else:
            self._shard.write(self._rows)
            self._shard.commit([file])
        return file

    def discard(self) -> None:
        """The file is not to be kept; does nothing to one that is finished."""
        if self._shard is not None:
            self._shard.discard()


class PartFile:
    """A shard in the making, under a name that no reader takes for one."""

    def __init__(self, folder: Path, run: Run) -> None:
        self._path = part_path(folder)
        schema = rows_schema(run.embedding_size).with_metadata({RUN_KEY: run.to_json().encode()})
        self._schema = schema
        self._writer = parquet.ParquetWriter(
            str(self._path), schema, compression="zstd", write_page_checksum=True
        )

    def write(self, rows: Sequence[Row]) -> None:
        """Rows in their order; may be none."""
        if rows:
            self._writer.write_table(pyarrow.Table.from_pylist(rows, schema=self._schema))

    def commit(self, files: Sequence[FileRow]) -> None:
        """The shard takes its place among the others, with what became of the files in it."""
        records = [file.to_record() for file in files]
        text = json.dumps(records, ensure_ascii=False, allow_nan=False)
        self._writer.add_key_value_metadata({FILES_KEY: text.encode()})
        self._writer.close()
        with self._path.open("rb") as file:
            os.fsync(file.fileno())
        time_name = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        folder = self._path.parent
        self._path.replace(folder / f"{time_name}-{self._path.name[1:13]}.parquet")
        handle = os.open(folder, os.O_RDONLY)  # a rename is on disk when its folder is
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def discard(self) -> None:
        """Removes it; does nothing to one that is committed."""
        try:
            self._writer.close()
        finally:  # on a full disk closing fails too
            self._path.unlink(missing_ok=True)


def part_path(folder: Path) -> Path:
    """A new name in an archive for a file that lasts as long as this process."""
    name = f".{uuid.uuid4().hex}.{socket.gethostname()}.{os.getpid()}.part"
    return folder / SHARDS_FOLDER / name


def remove_abandoned_parts(folder: Path) -> None:
    """Removes from an archive what killed runs of this machine have left half-written."""
    for part in (folder / SHARDS_FOLDER).glob(f".*.{socket.gethostname()}.*.part"):
        with suppress(PermissionError):  # a process of another user lives
            try:
                os.kill(int(part.suffixes[-2][1:]), 0)
            except ProcessLookupError:
                part.unlink(missing_ok=True)
