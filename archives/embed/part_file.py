"""A shard in the making: under a name that no reader takes for one, until it is whole."""

from __future__ import annotations

import json
import os
import socket
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow
from pyarrow import parquet

from archives.embed.embedding_rows import rows_schema
from archives.embed.file_rows import FileRow
from archives.embed.run import Run

SHARDS_FOLDER = "shards"
RUN_KEY, FILES_KEY = b"fused_encoder", b"fused_encoder_files"


class PartFile:
    """A shard in the making, under a name that no reader takes for one.

    Args:
        folder: of the shards.
        run: what makes the rows.
    """

    def __init__(self, folder: Path, run: Run) -> None:
        self._folder = folder
        self._path = part_path(folder)
        schema = rows_schema(run.embedding_size).with_metadata({RUN_KEY: run.to_json().encode()})
        self._schema = schema
        self._writer = parquet.ParquetWriter(
            str(self._path), schema, compression="zstd", write_page_checksum=True
        )

    def write(self, table: pyarrow.Table) -> None:
        """Rows, of `rows_schema`."""
        self._writer.write_table(table.cast(self._schema))

    def commit(self, files: Sequence[FileRow]) -> Path:
        """The shard takes its place among the others.

        Args:
            files: the rows of the files that lie in it.

        Returns:
            Its path.
        """
        records = [row.to_record() for row in files]
        told = json.dumps(records, ensure_ascii=False, allow_nan=False)
        self._writer.add_key_value_metadata({FILES_KEY: told.encode()})
        self._writer.close()
        with self._path.open("rb") as file:
            os.fsync(file.fileno())
        time_name = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        target = self._folder / f"{time_name}-{self._path.name[1:13]}.parquet"
        self._path.replace(target)
        _sync_folder(self._folder)
        return target

    def discard(self) -> None:
        """Away with it; does nothing to one that is committed."""
        try:
            self._writer.close()
        finally:  # on a full disk closing fails too
            self._path.unlink(missing_ok=True)


def part_path(folder: Path) -> Path:
    """A new name for what is there only as long as this process lives; see `remove_abandoned_parts`.

    Args:
        folder: of the shards.
    """
    return folder / f".{uuid.uuid4().hex}.{socket.gethostname()}.{os.getpid()}.part"


def remove_abandoned_parts(folder: Path) -> None:
    """Takes away what runs of this machine that were killed have left half-written.

    Args:
        folder: of the archive.
    """
    for part in (folder / SHARDS_FOLDER).glob(".*.part"):
        host, _, pid = (
            part.name.removesuffix(".part").partition(".")[2].partition(".")[2].rpartition(".")
        )
        if host == socket.gethostname() and pid.isdigit() and not _is_alive(int(pid)):
            part.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sync_folder(folder: Path) -> None:
    """A rename is on disk when its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
