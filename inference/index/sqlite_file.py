"""One SQLite file of ours: checked at open, its transactions all-or-nothing, its errors in words."""

from __future__ import annotations

import errno
import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

logger = logging.getLogger(__name__)

APPLICATION_ID = 0x46456964  # "FEid", written into the header of every index file
SCHEMA_VERSION = 1
SQLITE_HEADER = b"SQLite format 3\0"
SECONDS_TO_WAIT = 30.0

SCHEMA = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE rows (
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    embedding BLOB NOT NULL,
    metadata TEXT NOT NULL,
    checksum INTEGER NOT NULL
);
"""


class SqliteFile:
    """An open index file.

    Args:
        path: Path of the file. Beside it SQLite keeps `<path>-wal` and `<path>-shm` while it is open.
        create: bool, whether to start a new index where there is no file (or an empty one).
        seconds_to_wait: float, how long a call waits for another process that is writing. Default 30 s.
    Raises:
        FileNotFoundError: no such file (without `create`), or no such folder.
        ValueError: no index of ours, of a newer schema, or damaged.
        OSError: the disk is full, the file cannot be read or written; TimeoutError when another process holds
            it.
    """

    def __init__(
        self, path: Path, *, create: bool, seconds_to_wait: float = SECONDS_TO_WAIT
    ) -> None:
        self.path = path
        self._seconds_to_wait = seconds_to_wait
        self._lock = threading.RLock()
        _check_path(path, create=create)
        with self._errors_in_words():
            self._connection: sqlite3.Connection | None = sqlite3.connect(
                path, timeout=seconds_to_wait, isolation_level=None, check_same_thread=False
            )
        # Damaged text must reach the checksum of its row, which then names it.
        self._connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        with ExitStack() as on_failure:
            on_failure.callback(self.close)
            self._open(self._connection, create=create)
            on_failure.pop_all()

    def _open(self, connection: sqlite3.Connection, *, create: bool) -> None:
        with self._errors_in_words():
            is_new = _is_empty(connection)
            if is_new and not create:
                raise ValueError(
                    f"{self.path} is an empty file, no index. Open it with create=True to start one."
                )
            if not is_new:
                self._check_is_ours(connection)
            self._use_write_ahead_log(connection)
            connection.execute("PRAGMA synchronous = FULL")
        if is_new:
            with self.writing() as connection:
                if _is_empty(connection):  # another process may have been quicker
                    _create_schema(connection)

    def _check_is_ours(self, connection: sqlite3.Connection) -> None:
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        if application_id != APPLICATION_ID:
            raise ValueError(
                f"{self.path} is an SQLite file, but no embedding index. It was left as it is. Give another "
                "path."
            )
        faults = [
            fault for (fault,) in connection.execute("PRAGMA integrity_check(3)") if fault != "ok"
        ]
        if faults:
            raise ValueError(_damaged(self.path, "; ".join(faults)))
        schema_version = read_setting(connection, "schema_version")
        if not isinstance(schema_version, int):
            raise ValueError(_damaged(self.path, "its schema version is missing"))
        if schema_version > SCHEMA_VERSION:
            raise ValueError(
                f"{self.path} was written by fused-encoder {read_setting(connection, 'created_by')} with "
                f"schema {schema_version}; this version reads schemas up to {SCHEMA_VERSION}. Install a "
                "newer fused-encoder."
            )

    def _use_write_ahead_log(self, connection: sqlite3.Connection) -> None:
        """Readers go on while one writes. Only the first open changes anything, and may have to wait."""
        deadline = time.monotonic() + self._seconds_to_wait
        while True:
            try:
                (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
                break
            except sqlite3.OperationalError as error:  # SQLite does not wait here by itself
                if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
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
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._lock, self._errors_in_words():
            connection = self._connection
            if connection is None:
                raise ValueError(
                    f"The index {self.path} is closed. Open it again with EmbeddingIndex.open."
                )
            connection.execute(begin)
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def _errors_in_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _in_words(error, self.path, self._seconds_to_wait) from error
        except UnicodeDecodeError as error:  # SQLite quotes damaged bytes in its own message
            raise ValueError(_damaged(self.path, "its schema is not readable")) from error

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


def read_setting(connection: sqlite3.Connection, name: str) -> str | int | None:
    """The value of a setting; None if it was never written."""
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def write_setting(connection: sqlite3.Connection, name: str, value: str | int | None) -> None:
    """Set a setting, inside the caller's transaction."""
    connection.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (name, value))


def _check_path(path: Path, *, create: bool) -> None:
    if path.is_dir():
        raise ValueError(
            f"{path} is a folder; an index is one file. Give a file, such as {path / 'birds.index'}."
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"The folder {path.parent} for the index {path.name} does not exist. Create it first."
        )
    if not path.exists():
        if not create:
            raise FileNotFoundError(
                f"There is no index {path}. Check the path, or open it with create=True."
            )
        return
    with path.open("rb") as file:
        header = file.read(len(SQLITE_HEADER))
    if header and header != SQLITE_HEADER:
        raise ValueError(
            f"{path} is no embedding index (it does not begin as one does), or its first bytes are damaged. "
            "It was left as it is. Give another path, or restore the file from a copy."
        )


def _is_empty(connection: sqlite3.Connection) -> bool:
    (num_tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    return num_tables == 0 and application_id == 0


def _create_schema(connection: sqlite3.Connection) -> None:
    for statement in filter(None, map(str.strip, SCHEMA.split(";"))):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    write_setting(connection, "schema_version", SCHEMA_VERSION)
    write_setting(connection, "created_by", _our_version())
    write_setting(connection, "generation", 0)


def _our_version() -> str:
    try:
        return version("fused-encoder")
    except PackageNotFoundError:
        return "unknown"


def _code(error: sqlite3.Error) -> int:
    """The primary result code; -1 where the error did not come from SQLite itself."""
    extended: int = getattr(error, "sqlite_errorcode", -1)
    return extended & 0xFF if extended >= 0 else -1


def _damaged(path: Path, fault: str) -> str:
    return (
        f"The index {path} is damaged: {fault}. Restore it from a copy, or save what can be read with "
        f'`sqlite3 "{path}" .recover | sqlite3 recovered.index`.'
    )


def _in_words(error: sqlite3.Error, path: Path, seconds_waited: float) -> Exception:
    code = _code(error)
    if code == sqlite3.SQLITE_FULL:
        return OSError(
            errno.ENOSPC,
            "The disk is full, nothing of this call was written and all earlier rows are safe. "
            "Free some space and call again",
            str(path),
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return TimeoutError(
            f"Another process has been writing to the index {path} for {seconds_waited:g} s. Nothing of this "
            "call was written. Wait until it is done and call again."
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return ValueError(_damaged(path, str(error)))
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return PermissionError(
            errno.EACCES,
            f"The index cannot be opened for writing ({error}); it needs to write the file and beside it. "
            "Check the rights of the file and its folder, or copy it to where you may write",
            str(path),
        )
    if code == sqlite3.SQLITE_IOERR:
        return OSError(
            errno.EIO,
            f"Reading or writing the index failed ({error}); nothing of this call was written. Check "
            "the disk",
            str(path),
        )
    return error
