"""SQLite files of ours: checked at open, written all or nothing, with errors that say what to do."""

import errno
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from inference.sqlite_log import beside, log_fits, read_pragma, sqlite_uri

SECONDS_TO_WAIT = 30.0  # for another process that writes
CHECKED_WHOLE_BYTES = 64 * 2**20  # up to here a whole check at each open takes about 0.1 s
PRAGMAS = (
    "synchronous = FULL",
    "foreign_keys = ON",
    "cache_size = -16384",
    "wal_autocheckpoint = 8000",  # for large loads: a page is written into the file once in a while
)
SETTINGS_TABLE = "CREATE TABLE settings (name TEXT PRIMARY KEY, value) WITHOUT ROWID"
RIGHTS = (
    "The {name} cannot be opened. Check the rights of the file and its folder, or copy it, with the "
    "file beside it that ends in -wal, to where you may write"
)
WRONG_LOG = (
    "{log} does not belong to the {name}, which was probably restored from a copy. To keep the copy, "
    "delete the two files that end in -wal and -shm; what was written later is then gone."
)
BUSY = "Another process writes to the {name}, nothing of this call was written"
NOT_ALLOWED = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)
ERRORS = {  # of SQLite, as Python's OSError
    sqlite3.SQLITE_FULL: (errno.ENOSPC, "The disk is full, nothing of this call was written"),
    sqlite3.SQLITE_BUSY: (errno.ETIMEDOUT, BUSY),
    sqlite3.SQLITE_IOERR: (errno.EIO, "The disk failed, nothing of this call was written"),
    **dict.fromkeys(NOT_ALLOWED, (errno.EACCES, RIGHTS)),
}


@dataclass(frozen=True)
class FileKind:
    """What the files of one kind hold, and what messages say about them."""

    name: str  # "index", as messages call it
    application_id: int  # stands in the header of every such file
    schema_version: int  # that this version of the library reads and writes
    schema: tuple[str, ...]  # makes the tables of a new file; `settings` comes by itself
    opener: str  # "EmbeddingIndex.open"
    recovery: str  # a command with {path} that saves what can be read of a damaged file

    def damaged(self, path: Path, fault: str) -> str:
        """The message for a file that is not what was written."""
        advice = f"save what can be read with `{self.recovery.format(path=path)}`"
        return f"The {self.name} {path} is damaged: {fault}. Restore it from a copy, or {advice}."


class SqliteFile:
    """An open file. Several threads may share it, and other processes may read and write it too.

    SQLite keeps `<path>-wal` and `<path>-shm` beside it while it is open. `fill` writes the first rows of a
    new file. Where the file or its folder may not be written, it is opened for reading only.

    Raises:
        FileNotFoundError: no such file (without `create`), or no such folder.
        ValueError: another kind of file, another schema, damaged, or beside the `-wal` of another state.
        OSError: it cannot be read or written; TimeoutError: another process has been writing for 30 s.
    """

    def __init__(
        self,
        path: Path,
        kind: FileKind,
        *,
        create: bool,
        read_only: bool = False,
        fill: Callable[[sqlite3.Connection], object] = bool,
    ) -> None:
        self.path, self.kind = path, kind
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._log = beside(path, "-wal")
        folder_is_open = os.access(self._log.parent, os.W_OK)
        may_write = not path.exists() or (folder_is_open and os.access(path, os.W_OK))
        self.is_read_only = read_only or not may_write
        may_create = create and not self.is_read_only
        self._check_path(may_create=may_create)
        with ExitStack() as on_failure, self._errors_in_words():
            on_failure.callback(self.close)
            # Another process may write meanwhile: only what does not fit three times is of another state.
            if not any(log_fits(path, self._log) for _ in range(3)):
                raise ValueError(WRONG_LOG.format(log=self._log, name=kind.name))
            self._connection = connection = self._connect(may_write=may_write)
            if _is_empty(connection):
                self._create(fill, may_create=may_create)
            self._check_content(connection)
            if not self.is_read_only:
                with suppress(sqlite3.OperationalError):  # busy: another process is doing the same
                    connection.execute("PRAGMA journal_mode = WAL")
                for pragma in PRAGMAS:
                    connection.execute(f"PRAGMA {pragma}")
            on_failure.pop_all()

    # Nothing may open the file itself beside SQLite: closing it again would drop the locks of SQLite.
    def _check_path(self, *, may_create: bool) -> None:
        path, name = self.path, self.kind.name
        if path.is_dir():
            raise ValueError(f"{path} is a folder; the {name} is one file, such as 'birds.{name}'.")
        if not path.parent.is_dir():
            told = f"The folder {path.parent} for the {name} {path.name} does not exist"
            raise FileNotFoundError(f"{told}. Create it first.")
        if not path.exists() and not may_create:
            told = f"There is no {name} {path}"
            raise FileNotFoundError(f"{told}. Check the path, or open it with create=True.")

    def _connect(self, *, may_write: bool) -> sqlite3.Connection:
        options = "mode=rwc" if may_write else "mode=ro"
        if not os.access(self._log.parent, os.W_OK) and not self._log_bytes():
            options = "mode=ro&immutable=1"  # without the locks, which need a file beside it
        connection = sqlite3.connect(
            sqlite_uri(self.path, options),
            uri=True,
            timeout=SECONDS_TO_WAIT,
            isolation_level=None,
            check_same_thread=False,
        )
        if self.is_read_only:
            connection.execute("PRAGMA query_only = ON")
        # Damaged text must reach the checksum of its row, which then names it.
        connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        return connection

    def _create(self, fill: Callable[[sqlite3.Connection], object], *, may_create: bool) -> None:
        if not may_create:
            told = f"{self.path} is an empty file, no {self.kind.name}"
            raise ValueError(f"{told}. Open it with create=True to start one.")
        with self._transaction("BEGIN IMMEDIATE") as connection:
            if not _is_empty(connection):
                return  # another process was quicker
            for statement in (SETTINGS_TABLE, *self.kind.schema):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {self.kind.application_id}")
            connection.execute(f"PRAGMA user_version = {1 + secrets.randbelow(2**30)}")
            write_setting(connection, "schema_version", self.kind.schema_version)
            fill(connection)

    def _check_content(self, connection: sqlite3.Connection) -> None:
        path, kind = self.path, self.kind
        if read_pragma(connection, "application_id") != kind.application_id:
            told = f"{path} is an SQLite file, but no {kind.name}"
            raise ValueError(f"{told}. It was left as it is. Give another path.")
        version = read_setting(connection, "schema_version")
        if version != kind.schema_version:
            ours = f"this version of fused-encoder reads schema {kind.schema_version}"
            raise ValueError(
                f"{path} has schema {version}; {ours}. Install the version that wrote it, or a newer one."
            )
        is_small = path.stat().st_size <= CHECKED_WHOLE_BYTES
        if is_small and (faults := structural_faults(connection, at_most=3)):
            raise ValueError(kind.damaged(path, "; ".join(faults)))

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """All that is read inside belongs to one moment, whatever others write meanwhile."""
        return self._transaction("BEGIN DEFERRED")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """All that is written inside is on disk when the block ends; after an exception none of it."""
        self.check_may_write()
        with self._lock:
            if not self._log_bytes():
                # From here on the file differs from every copy that was made while it was closed.
                with self._transaction("BEGIN IMMEDIATE") as connection:
                    _count_up(connection)
                with self._using() as connection:
                    connection.execute("PRAGMA wal_checkpoint")
            with self._transaction("BEGIN IMMEDIATE") as connection:
                num_changes = connection.total_changes
                yield connection
                if connection.total_changes != num_changes:
                    _count_up(connection)

    def shrink(self) -> int:
        """Give the space of deleted rows back to the disk; returns the bytes."""
        self.check_may_write()
        with self._using() as connection:
            before = self.path.stat().st_size + self._log_bytes()
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return before - self.path.stat().st_size - self._log_bytes()

    def check_may_write(self) -> None:
        """Refuse to write to what is open for reading only (PermissionError)."""
        if self.is_read_only:
            told = f"The {self.kind.name} is open for reading only. Check its rights, or copy it"
            raise PermissionError(errno.EACCES, told, str(self.path))

    def close(self) -> None:
        """Close the file, if it is open."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._using() as connection:
            connection.execute(begin)
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def _log_bytes(self) -> int:
        return self._log.stat().st_size if self._log.exists() else 0

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """The connection for this thread alone."""
        with self._lock, self._errors_in_words():
            if self._connection is None:
                told = f"The {self.kind.name} {self.path} is closed"
                raise ValueError(f"{told}. Open it again with {self.kind.opener}.")
            yield self._connection

    @contextmanager
    def _errors_in_words(self) -> Iterator[None]:
        path, kind = self.path, self.kind
        try:
            yield
        except UnicodeDecodeError as error:  # SQLite quotes damaged bytes in its own message
            raise ValueError(kind.damaged(path, "its schema is not readable")) from error
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", -1) & 0xFF
            if code == sqlite3.SQLITE_CORRUPT or str(error).startswith("no such table"):
                raise ValueError(kind.damaged(path, str(error))) from error
            if code == sqlite3.SQLITE_NOTADB:
                told = f"{path} is no {kind.name}, or its first bytes are damaged"
                raise ValueError(f"{told}. Give another path, or restore a copy.") from error
            if code not in ERRORS:
                raise
            number, told = ERRORS[code]
            raise OSError(number, f"{told.format(name=kind.name)} ({error})", str(path)) from error


def read_setting(connection: sqlite3.Connection, name: str) -> str | int | None:
    """The value of a setting; None if it was never written."""
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def write_setting(connection: sqlite3.Connection, name: str, value: str | int | None) -> None:
    """Set a setting, inside the caller's transaction."""
    connection.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (name, value))


def structural_faults(connection: sqlite3.Connection, *, at_most: int) -> list[str]:
    """What SQLite finds wrong when it reads all pages."""
    found = connection.execute(f"PRAGMA integrity_check({at_most})")
    return [fault for (fault,) in found if fault != "ok"]


def _is_empty(connection: sqlite3.Connection) -> bool:
    (num_tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return num_tables == 0 and read_pragma(connection, "application_id") == 0


def _count_up(connection: sqlite3.Connection) -> None:
    """Number the states of the file in its header, so that a write-ahead log is known to belong."""
    connection.execute(f"PRAGMA user_version = {read_pragma(connection, 'user_version') + 1}")
