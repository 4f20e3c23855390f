"""Whether the write-ahead log beside an SQLite file goes on from the file as it is now."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote


def beside(path: Path, ending: str) -> Path:
    """The file beside another with this ending of its name; links are followed, as SQLite does."""
    real = path.resolve()
    return real.with_name(f"{real.name}{ending}")


def sqlite_uri(path: Path, options: str) -> str:
    """The file as SQLite's own address, with options such as "mode=ro"."""
    return f"file:{quote(os.path.abspath(path))}?{options}"  # noqa: PTH100 - links are kept


def read_pragma(connection: sqlite3.Connection, name: str) -> int:
    """A number that SQLite keeps in the header of the file."""
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def log_fits(path: Path, log: Path) -> bool:
    """Whether the write-ahead log, if there is one, goes on from the state of the file."""
    states = _states_in_log(log)
    if not states or not path.exists() or not path.stat().st_size:
        return True
    with closing(sqlite3.connect(sqlite_uri(path, "mode=ro&immutable=1"), uri=True)) as without_log:
        now = (read_pragma(without_log, "user_version"), read_pragma(without_log, "schema_version"))
    number, schema = states[0]
    return now in states or now in ((number - 1, schema), (number, schema - 1))  # a call; VACUUM


def _states_in_log(log: Path) -> list[tuple[int, int]]:
    """User and schema version after each transaction (https://sqlite.org/fileformat2.html#walformat)."""
    states: list[tuple[int, int]] = []
    with suppress(FileNotFoundError), log.open("rb") as file:
        header = file.read(32)
        page_bytes, at = int.from_bytes(header[8:12]), 32
        while len(frame := os.pread(file.fileno(), 88, at)) == 88 and frame[8:16] == header[16:24]:
            if int.from_bytes(frame[:4]) == 1:  # the first page, after 24 bytes about it
                states.append((int.from_bytes(frame[84:88]), int.from_bytes(frame[64:68])))
            at += 24 + page_bytes
    return states
