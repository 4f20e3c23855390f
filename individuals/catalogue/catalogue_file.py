"""The catalogue as one SQLite file: checked at open, all-or-nothing transactions, errors in words."""

from __future__ import annotations

import errno
import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from individuals.catalogue.names import check_prefix

logger = logging.getLogger(__name__)

APPLICATION_ID = 0x46456361  # "FEca", written into the header of every catalogue
SCHEMA_VERSION = 1
SQLITE_HEADER = b"SQLite format 3\0"
SECONDS_TO_WAIT = 30.0

# A sighting of no individual is one that was deleted or undone; it stays, so that this can be taken back.
SCHEMA = [
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
    """CREATE TABLE individuals (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT,
        is_active INTEGER NOT NULL,
        merged_into INTEGER
    )""",
    """CREATE TABLE sightings (
        position INTEGER PRIMARY KEY,
        key TEXT NOT NULL,
        individual INTEGER REFERENCES individuals,
        embedding BLOB NOT NULL,
        record TEXT NOT NULL,
        checksum INTEGER NOT NULL
    )""",
    "CREATE UNIQUE INDEX sightings_key ON sightings (key) WHERE individual IS NOT NULL",
    "CREATE INDEX sightings_individual ON sightings (individual)",
    """CREATE TABLE log (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        time TEXT NOT NULL,
        operation TEXT NOT NULL,
        details TEXT NOT NULL,
        decided_by TEXT NOT NULL,
        fingerprint TEXT,
        thresholds TEXT,
        undoes INTEGER UNIQUE REFERENCES log,
        changes TEXT NOT NULL
    )""",
    """CREATE TRIGGER log_is_never_changed BEFORE UPDATE ON log
        BEGIN SELECT RAISE(ABORT, 'the log of a catalogue is append-only'); END""",
    """CREATE TRIGGER log_is_never_shortened BEFORE DELETE ON log
        BEGIN SELECT RAISE(ABORT, 'the log of a catalogue is append-only'); END""",
]


class CatalogueFile:
    """An open catalogue file.

    Args:
        path: Path. While it is open SQLite keeps `<path>-wal` and `<path>-shm` beside it.
        create: bool, whether to start a new one where there is no file (or an empty one).
        prefix: str, of the ids of a new one.
        seconds_to_wait: float, how long a call waits for another process that is writing. Default 30 s.
    """

    def __init__(
        self,
        path: Path,
        *,
        create: bool,
        prefix: str | None = None,
        seconds_to_wait: float = SECONDS_TO_WAIT,
    ) -> None:
        self.path = path
        self._seconds_to_wait = seconds_to_wait
        self._lock = threading.RLock()
        _check_path(path, create=create)
        with self._errors_in_words():
            self._connection: sqlite3.Connection | None = sqlite3.connect(
                path, timeout=seconds_to_wait, isolation_level=None, check_same_thread=False
            )
        with ExitStack() as on_failure:
            on_failure.callback(self.close)
            self._open(self._connection, create=create, prefix=prefix)
            on_failure.pop_all()

    def _open(self, connection: sqlite3.Connection, *, create: bool, prefix: str | None) -> None:
        with self._errors_in_words():
            is_new = _is_empty(connection)
            if is_new and not create:
                raise ValueError(
                    f"{self.path} is an empty file, no catalogue. Open it with create=True to start one "
                    "(`fused-encoder catalogue init`)."
                )
            if not is_new:
                _check_is_ours(connection, self.path)
            self._use_write_ahead_log(connection)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        if is_new:
            with self.writing() as connection:
                if _is_empty(connection):  # another process may have been quicker
                    for statement in SCHEMA:
                        connection.execute(statement)
                    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                    write_setting(connection, "schema_version", SCHEMA_VERSION)
                    write_setting(connection, "prefix", prefix or "ID")

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
            logger.warning("%s: no write-ahead log here; readers wait while one writes.", self.path)

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
                    f"The catalogue {self.path} is closed. Open it again with Catalogue.open."
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
        except UnicodeDecodeError as error:
            raise ValueError(damaged(self.path, "its text is not readable")) from error

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


def open_file(path: str | Path, *, create: bool, prefix: str | None) -> CatalogueFile:
    """The file, with ids of this prefix, or of whatever prefix it has (None).

    Raises: as `individuals.catalogue.Catalogue.open`.
    """
    checked = None if prefix is None else check_prefix(prefix)
    file = CatalogueFile(Path(path), create=create, prefix=checked)
    with file.reading() as connection:
        found = read_setting(connection, "prefix")
    if checked is not None and found != checked:
        file.close()
        raise ValueError(
            f"The ids of the catalogue {path} begin with {found!r}, received the prefix {checked!r}. Ids "
            "never change; open it without a prefix."
        )
    return file


def read_setting(connection: sqlite3.Connection, name: str) -> str | int | None:
    """The value of a setting; None if it was never written."""
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def write_setting(connection: sqlite3.Connection, name: str, value: str | int | None) -> None:
    """Set a setting, inside the caller's transaction."""
    connection.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (name, value))


def damaged(path: Path, fault: str) -> str:
    """The message for a damaged catalogue."""
    return (
        f"The catalogue {path} is damaged: {fault}. Restore it from a copy, or save what can be read with "
        f'`sqlite3 "{path}" .recover | sqlite3 recovered.catalogue`.'
    )


def _check_path(path: Path, *, create: bool) -> None:
    if path.is_dir():
        raise ValueError(
            f"{path} is a folder; a catalogue is one file. Give a file, such as {path / 'birds.catalogue'}."
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"The folder {path.parent} for the catalogue {path.name} does not exist. Create it first."
        )
    if not path.exists():
        if not create:
            raise FileNotFoundError(
                f"There is no catalogue {path}. Check the path, or start one with "
                "`fused-encoder catalogue init` (Catalogue.open with create=True)."
            )
        return
    with path.open("rb") as file:
        header = file.read(len(SQLITE_HEADER))
    if header and header != SQLITE_HEADER:
        raise ValueError(
            f"{path} is no catalogue (it does not begin as one does), or its first bytes are damaged. "
            "It was left as it is. Give another path, or restore the file from a copy."
        )


def _check_is_ours(connection: sqlite3.Connection, path: Path) -> None:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if application_id != APPLICATION_ID:
        raise ValueError(
            f"{path} is an SQLite file, but no catalogue. It was left as it is. Give another path."
        )
    faults = [f for (f,) in connection.execute("PRAGMA integrity_check(3)") if f != "ok"]
    if faults:
        raise ValueError(damaged(path, "; ".join(faults)))
    schema_version = read_setting(connection, "schema_version")
    if not isinstance(schema_version, int):
        raise ValueError(damaged(path, "its schema version is missing"))
    if schema_version > SCHEMA_VERSION:
        raise ValueError(
            f"{path} was written by a newer fused-encoder (schema {schema_version}); this version reads "
            f"schemas up to {SCHEMA_VERSION}. Install a newer fused-encoder."
        )


def _is_empty(connection: sqlite3.Connection) -> bool:
    (num_tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    return num_tables == 0 and application_id == 0


def _code(error: sqlite3.Error) -> int:
    """The primary result code; -1 where the error did not come from SQLite itself."""
    extended: int = getattr(error, "sqlite_errorcode", -1)
    return extended & 0xFF if extended >= 0 else -1


def _in_words(error: sqlite3.Error, path: Path, seconds_waited: float) -> Exception:
    code = _code(error)
    nothing = "Nothing of this call was written"
    if code == sqlite3.SQLITE_FULL:
        return OSError(errno.ENOSPC, f"The disk is full. {nothing}. Free some space", str(path))
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return TimeoutError(
            f"Another process has been writing to the catalogue {path} for {seconds_waited:g} s. {nothing}. "
            "Wait until it is done and call again."
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return ValueError(damaged(path, str(error)))
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return PermissionError(
            errno.EACCES,
            f"The catalogue cannot be opened for writing ({error}). Check the rights of the file and its "
            "folder, or copy it to where you may write",
            str(path),
        )
    if code == sqlite3.SQLITE_IOERR:
        return OSError(errno.EIO, f"The disk failed ({error}). {nothing}. Check it", str(path))
    return error
