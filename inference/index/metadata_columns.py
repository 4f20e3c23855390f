"""Which rows pass a filter: the values of the keys that are asked for, kept as numbers in memory."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

import numpy as np

from inference.index.schema import read_setting
from inference.index.store import Filter, Scalar

MOST_VALUES = 50_000  # of one key; a key with more (a file's path) is looked up in the index file
AT_ONCE = 10_000


def condition(where: Filter) -> tuple[str, list[str]]:
    """The filter in SQL. Both sides pass through SQLite's own JSON reader: equal numbers stay equal."""
    conditions, parameters = ["1"], []
    for key, any_of in where.items():
        has_value = "json_extract(metadata, ?) IN (SELECT value FROM json_each(?))"
        is_absent = " OR json_extract(metadata, ?) IS NULL" if None in any_of else ""
        conditions.append(f"({has_value}{is_absent})")
        path = _path(key)
        parameters += [path, json.dumps(any_of, ensure_ascii=False), *([path] if is_absent else [])]
    return " AND ".join(conditions), parameters


class MetadataColumns:
    """Columns of metadata by position in the file; each is read once, when a filter first names its key.

    New rows are read when the next filter looks; after an update of metadata the columns are read again.
    """

    def __init__(self) -> None:
        self._last_update: str | int | None = None
        self._columns: dict[str, _Column] = {}

    def passing(
        self, connection: sqlite3.Connection, where: Filter, positions: np.ndarray
    ) -> np.ndarray:
        """Bool [num]: which rows pass, of those at these positions in the file (int64 [num])."""
        last_update = read_setting(connection, "last_update")
        if last_update != self._last_update:
            self._columns, self._last_update = {}, last_update
        passing = np.ones(len(positions), dtype=bool)
        for key, any_of in where.items():
            column = self._columns.setdefault(key, _Column(key))
            column.refresh(connection)
            passing &= column.is_any_of(connection, any_of, positions)
        return passing


class _Column:
    """One key. The number 0 stands for "the row does not have it"."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._codes = np.zeros(1, dtype=np.int32)  # by position
        self._code_of: dict[Scalar, int] = {None: 0}

    def refresh(self, connection: sqlite3.Connection) -> None:
        (last,) = connection.execute("SELECT max(position) FROM rows").fetchone()
        first = len(self._codes)
        if last is None or last < first or self._is_wide:
            return
        self._codes = np.concatenate([self._codes, np.zeros(last + 1 - first, dtype=np.int32)])
        found = connection.execute(
            "SELECT position, json_extract(metadata, ?) FROM rows WHERE position >= ?",
            (_path(self._key), first),
        )
        while some := found.fetchmany(AT_ONCE):
            codes = [self._code_of.setdefault(value, len(self._code_of)) for _, value in some]
            self._codes[[position for position, _ in some]] = codes
            if self._is_wide:
                return

    def is_any_of(
        self, connection: sqlite3.Connection, any_of: Sequence[Scalar], positions: np.ndarray
    ) -> np.ndarray:
        if self._is_wide:
            return self._looked_up(connection, any_of, positions)
        wanted = [self._code_of[value] for value in any_of if value in self._code_of]
        is_wanted = np.zeros(len(self._code_of), dtype=bool)
        is_wanted[wanted] = True
        # A row that was deleted since may stand behind all that are left; it does not pass in any case.
        return is_wanted[self._codes[np.minimum(positions, len(self._codes) - 1)]]

    def _looked_up(
        self, connection: sqlite3.Connection, any_of: Sequence[Scalar], positions: np.ndarray
    ) -> np.ndarray:
        sql, parameters = condition({self._key: list(any_of)})
        found = connection.execute(f"SELECT position FROM rows WHERE {sql}", parameters)
        return np.isin(positions, np.fromiter((place for (place,) in found), dtype=np.int64))

    @property
    def _is_wide(self) -> bool:
        return len(self._code_of) > MOST_VALUES


def _path(key: str) -> str:
    return f'$."{key}"'
