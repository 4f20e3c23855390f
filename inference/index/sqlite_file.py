"""One SQLite file of ours: checked at open, its transactions all-or-nothing, its errors in words."""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

from inference.index.schema import check_schema, create_schema, is_empty, upgrade_schema
from inference.index.side_files import beside
from inference.index.sqlite_errors import damaged, errors_in_words, is_busy
from inference.index.stored_rows import COLUMNS, check_row

logger = logging.getLogger(__name__)

SECONDS_TO_WAIT = 30.0
# Up to here a whole check at each open takes about 0.1 s (some 90,000 rows of 128 numbers).
CHECKED_WHOLE_BYTES = 64 * 2**20
# For large loads: pages that many calls touch are written into the file once in a while, not after each.
CACHE_KIB = 16 * 1024
PAGES_PER_CHECKPOINT = 8000
AMONG = "(SELECT value FROM json_each(?))"  # any number of values in one parameter


class SqliteFile:
    """An open index file.

    A file, or a folder, that may not be written is opened for reading only.

    Args:
        path: Path of the file. Beside it SQLite keeps `<path>-wal` and `<path>-shm` while it is open.
        create: bool, whether to start a new index where there is no file (or an empty one).
        read_only: bool, whether to open for reading only even where writing is allowed.
        seconds_to_wait: float, how long a call waits for another process that is writing. Default 30 s.
    Raises:
        FileNotFoundError: no such file (without `create`), or no such folder.
        ValueError: no index of ours, of a newer schema, or damaged.
        OSError: the disk is full, the file cannot be read or written; TimeoutError when another process holds
            it.
    """

    def __init__(
        self,
        path: Path,
        *,
        create: bool,
        read_only: bool = False,
        seconds_to_wait: float = SECONDS_TO_WAIT,
    ) -> None:
        self.path = path
        self._seconds_to_wait = seconds_to_wait
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        _check_path(path, create=create and not read_only)
        self._may_write = not path.exists() or _is_writable(path)
        self.is_read_only = read_only or not self._may_write
        with ExitStack() as on_failure:
            on_failure.callback(self.close)
            with errors_in_words(path, seconds_to_wait):
                self._connect()
                self._open(self._connected(), create=create and not self.is_read_only)
            on_failure.pop_all()

    def _connect(self) -> None:
        """Open the file; where nobody can write beside it, without the locks that need a file there."""
        options = "mode=rwc"
        if not self._may_write:
            folder = self.path.resolve().parent
            is_still = not os.access(folder, os.W_OK) and not _has_content(self.path)
            options = "mode=ro&immutable=1" if is_still else "mode=ro"
        self._seen_still = _state(self.path) if "immutable" in options else None
        self._connection = sqlite3.connect(
            f"file:{quote(os.path.abspath(self.path))}?{options}",  # noqa: PTH100 - links are kept
            uri=True,
            timeout=self._seconds_to_wait,
            isolation_level=None,
            check_same_thread=False,
        )
        if self.is_read_only:
            self._connection.execute("PRAGMA query_only = ON")
        # Damaged text must reach the checksum of its row, which then names it.
        self._connection.text_factory = partial(str, encoding="utf-8", errors="replace")

    def _open(self, connection: sqlite3.Connection, *, create: bool) -> None:
        is_new = is_empty(connection)
        if is_new and not create:
            raise ValueError(
                f"{self.path} is an empty file, no index. Open it with create=True to start one."
            )
        if not is_new:
            check_schema(connection, self.path)
            self._check_structure(connection)
        if not self.is_read_only:
            self._use_write_ahead_log(connection)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {PAGES_PER_CHECKPOINT}")
        if is_new:
            with self._transaction("BEGIN IMMEDIATE") as connection:
                if is_empty(connection):  # another process may have been quicker
                    create_schema(connection)

    def _check_structure(self, connection: sqlite3.Connection) -> None:
        """Whole where that is quick; else the ends of every table. SQLite itself notices a file cut short."""
        if self.path.stat().st_size <= CHECKED_WHOLE_BYTES:
            if faults := structural_faults(connection, at_most=3):
                raise ValueError(damaged(self.path, "; ".join(faults)))
            return
        for order in ("ASC", "DESC"):
            for row in connection.execute(
                f"SELECT {COLUMNS} FROM rows ORDER BY position {order} LIMIT 1"
            ):
                check_row(self.path, *row[1:])
            connection.execute(f"SELECT id FROM rows ORDER BY id {order} LIMIT 1").fetchone()

    def _use_write_ahead_log(self, connection: sqlite3.Connection) -> None:
        """Readers go on while one writes. Only the first open changes anything, and may have to wait."""
        deadline = time.monotonic() + self._seconds_to_wait
        while True:
            try:
                (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
                break
            except sqlite3.OperationalError as error:  # SQLite does not wait here by itself
                if not is_busy(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        if mode != "wal":
            logger.warning(
                "%s: no write-ahead log on this file system; readers wait while one writes.",
                self.path,
            )

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """All that is read inside belongs to one moment, whatever others write meanwhile."""
        with self._transaction("BEGIN DEFERRED") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """All that is written inside is on disk when the block ends; after an exception none of it."""
        self.check_may_write()
        with self._transaction("BEGIN IMMEDIATE") as connection:
            upgrade_schema(connection)
            yield connection

    def shrink(self) -> None:
        """Give the space of deleted rows back to the disk."""
        self.check_may_write()
        with self._lock, errors_in_words(self.path, self._seconds_to_wait):
            connection = self._connected()
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def num_bytes(self) -> int:
        """On disk, with what waits in the write-ahead log."""
        log = beside(self.path, "-wal")
        return self.path.stat().st_size + (log.stat().st_size if log.exists() else 0)

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._lock, errors_in_words(self.path, self._seconds_to_wait):
            connection = self._connected()
            if self._seen_still is not None and _state(self.path) != self._seen_still:
                connection.close()
                self._connect()
                connection = self._connected()
            connection.execute(begin)
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            raise ValueError(
                f"The index {self.path} is closed. Open it again with EmbeddingIndex.open."
            )
        return self._connection

    def check_may_write(self) -> None:
        """Refuse to write to what is open for reading only (PermissionError)."""
        if self.is_read_only:
            raise PermissionError(
                errno.EACCES,
                "The index is open for reading only: it was asked for so, or the file or its folder may not "
                "be written. Check the rights of both, or copy the index to where you may write",
                str(self.path),
            )

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


def structural_faults(connection: sqlite3.Connection, at_most: int) -> list[str]:
    """What SQLite finds wrong when it reads all pages; an empty list where nothing is."""
    found = connection.execute(f"PRAGMA integrity_check({at_most})")
    return [fault for (fault,) in found if fault != "ok"]


# Never open the file beside SQLite in the same process: closing it again would drop SQLite's own locks.
def _check_path(path: Path, *, create: bool) -> None:
    if path.is_dir():
        raise ValueError(
            f"{path} is a folder; an index is one file. Give a file, such as {path / 'birds.index'}."
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"The folder {path.parent} for the index {path.name} does not exist. Create it first."
        )
    if path.exists():
        return
    if not create:
        raise FileNotFoundError(
            f"There is no index {path}. Check the path, or open it with create=True."
        )
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(
            errno.EACCES,
            "A new index cannot be made: its folder may not be written. Give another path, or check the "
            "rights",
            str(path),
        )


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK) and os.access(path.resolve().parent, os.W_OK)


def _has_content(path: Path) -> bool:
    """Whether committed rows wait in the write-ahead log: the file was not closed, or is open elsewhere."""
    log = beside(path, "-wal")
    return log.exists() and log.stat().st_size > 0


def _state(path: Path) -> tuple[int, int, int]:
    now = path.stat()
    return now.st_ino, now.st_size, now.st_mtime_ns
