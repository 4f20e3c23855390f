"""What can be read of a damaged index, into a new one."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from inference.embeddings import Embeddings
from inference.index.sqlite_rows import (
    COLUMNS,
    ROWS_AT_ONCE,
    SqliteRows,
    StoredRow,
    decoded,
    is_whole,
)
from inference.sqlite_file import read_setting
from inference.sqlite_log import sqlite_uri
from media.atomic import atomic_file


@dataclass(frozen=True)
class Recovery:
    """What came of a recovery."""

    num_recovered: int  # rows in the new index, each exactly as it was written
    lost_ids: tuple[str, ...]  # there may be more, where the list of ids is damaged
    num_damaged: int  # rows that are not what was written, and are left out
    fingerprint: str | None  # of the encoder


def recover_index(damaged: str | Path, target: str | Path) -> Recovery:
    """Write all rows of a damaged index that can be read, and are as they were written, into a new index.

    Rows are read by ranges of their positions; a range that cannot be read is halved until the damaged rows
    are left. Where SQLite cannot open the file at all, `sqlite3 damaged.index .recover | sqlite3 raw.index`
    saves its pages first; recover `raw.index` then. The damaged file, and its `-wal`, are only read. Close it
    first.

    Raises:
        FileNotFoundError: there is no such file.
        FileExistsError: the target exists.
        ValueError: not a single row can be read; no index is made.
    """
    source, new = Path(damaged), Path(target)
    if not source.is_file():
        raise FileNotFoundError(f"There is no index {source}.")
    if new.exists():
        raise FileExistsError(f"{new} exists; it is left as it is. Give a path that does not.")
    with closing(sqlite3.connect(sqlite_uri(source, "mode=ro"), uri=True)) as connection:
        connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        try:
            # so that a file that was cut short is read too
            connection.execute("PRAGMA writable_schema = ON")
            found = read_setting(connection, "fingerprint")
            fingerprint = str(found) if found else None
            # the last position that was ever given: the log has counted them
            sql = "SELECT total(num_rows) FROM log WHERE action = 'add'"
            last = int(connection.execute(sql).fetchone()[0])
        except sqlite3.DatabaseError as error:
            raise _nothing(source, error) from error
        num_damaged, ids = 0, set[str]()
        with atomic_file(new) as temporary, closing(SqliteRows(temporary)) as store:
            for rows in _rows_between(connection, 1, last):
                unseen = [row for row in rows if row[1] not in ids]
                whole = {row[1]: decoded(row, None) for row in unseen if is_whole(row)}
                num_damaged += sum(not is_whole(row) for row in unseen)
                if whole:
                    vectors = np.stack([row.embedding for row in whole.values()])
                    metadata = [row.metadata for row in whole.values()]
                    store.add(list(whole), Embeddings.of(vectors, fingerprint), metadata)
                    ids |= whole.keys()
            if not ids:
                raise _nothing(source, "no row is whole")
            store.note("recover", len(ids))
            store.close()
        lost = sorted(_listed_ids(connection) - ids)
    return Recovery(len(ids), tuple(lost), num_damaged, fingerprint)


def _nothing(path: Path, why: object) -> ValueError:
    return ValueError(
        f"Not a single row can be read from {path} ({why}). No index was made. If it was an index, try "
        f"`sqlite3 {path} .recover | sqlite3 raw.index`, and recover raw.index."
    )


def _rows_between(
    connection: sqlite3.Connection, first: int, last: int
) -> Iterator[list[StoredRow]]:
    """Rows at these positions, some at a time, as far as SQLite can read them."""
    sql = f"SELECT {COLUMNS} FROM rows WHERE position BETWEEN ? AND ?"
    for start in range(first, last + 1, ROWS_AT_ONCE):
        end = min(start + ROWS_AT_ONCE - 1, last)
        try:
            yield connection.execute(sql, (start, end)).fetchall()
        except sqlite3.DatabaseError:
            if start < end:
                middle = (start + end) // 2
                yield from _rows_between(connection, start, middle)
                yield from _rows_between(connection, middle + 1, end)


def _listed_ids(connection: sqlite3.Connection) -> set[str]:
    """The ids of all rows, by SQLite's index of them; as far as it can be read."""
    found: set[str] = set()
    sql = "SELECT id FROM rows INDEXED BY sqlite_autoindex_rows_1"
    with suppress(sqlite3.DatabaseError):
        for (id_,) in connection.execute(sql):
            found.add(id_)
    return found
