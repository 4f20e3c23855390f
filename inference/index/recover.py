"""What can be read of a damaged index, into a new one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from inference.embeddings import Embeddings
from inference.index.sqlite_pages import (
    DAMAGE,
    INDEX_INTERIOR,
    INDEX_LEAF,
    TABLE_INTERIOR,
    TABLE_LEAF,
    SqlitePages,
    Value,
)
from inference.index.sqlite_store import SqliteStore
from inference.index.store import Row
from inference.index.stored_rows import StoredRow, decoded, is_whole

ROWS_AT_ONCE = 2000
PAGES_OF_TREES = (TABLE_LEAF, TABLE_INTERIOR, INDEX_LEAF, INDEX_INTERIOR)
ROW_VALUES, LOG_VALUES = 5, 7
SETTINGS = {"embedding_size", "fingerprint", "schema_version", "created_by", "generation"} | {
    "changes_from",
    "last_update",
    "next_position",
}


@dataclass(frozen=True)
class Recovery:
    """What came of a recovery.

    Attributes:
        num_recovered: int, rows in the new index, each exactly as it was written.
        lost_ids: ids of which the row could not be read. There may be more where the list of ids is damaged.
        num_damaged: int, rows that were found and are not what was written; they are left out.
        fingerprint: str or None, the encoder; None where it could not be read (or was never told).
        notes: what else a reader must know.
    """

    num_recovered: int
    lost_ids: tuple[str, ...]
    num_damaged: int
    fingerprint: str | None
    notes: tuple[str, ...] = ()


def recover_index(damaged: str | Path, target: str | Path) -> Recovery:
    """Write all rows of a damaged index that are as they were written into a new index.

    The pages of the file are looked through without relying on how they are linked, so that rows are found
    behind a damaged link, in a file that was cut short, and in one whose first page is gone. Every row is
    compared with its checksum. The damaged file is only read. Close it first.

    Args:
        damaged: str or Path of the index; what waits in `<damaged>-wal` is read too.
        target: str or Path of the new index, which must not exist.
    Returns:
        Recovery, with what was lost.
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
    with closing(SqlitePages(source)) as pages:
        found = _look_through(pages)
        if not found.places:
            raise ValueError(
                f"Not a single row can be read from {source}: it is no index, an empty one, or damaged all "
                "over. No index was made."
            )
        _write(new, found, pages)
    lost = sorted(found.listed_ids - found.whole_ids.keys())
    return Recovery(
        len(found.places), tuple(lost), found.num_damaged, found.fingerprint, tuple(found.notes)
    )


@dataclass
class _Found:
    """Where the rows are, and what else the pages told."""

    places: dict[int, tuple[int, int]] = field(default_factory=dict)  # position: page, offset
    whole_ids: dict[str, int] = field(default_factory=dict)  # id: position
    changed: set[int] = field(default_factory=set)  # positions that were updated or deleted
    listed_ids: set[str] = field(default_factory=set)  # in the index of ids
    settings: dict[str, Value] = field(default_factory=dict)
    logged_fingerprint: str | None = None
    num_damaged: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def fingerprint(self) -> str | None:
        told = self.settings.get("fingerprint")
        return str(told) if told else self.logged_fingerprint


def _look_through(pages: SqlitePages) -> _Found:
    """All pages in use, in the order of the file; a page of a table holds what is live, and nothing else."""
    found = _Found()
    free, is_list_whole = pages.free()
    linked: set[int] = set()
    if pages.num_missing:
        found.notes.append(
            f"The file is cut short by {pages.num_missing} of {pages.num_pages + pages.num_missing} pages: "
            "more ids are lost than can be named."
        )
    for number in range(1, pages.num_pages + 1):
        kind = pages.kind(number)
        if number in free or kind not in PAGES_OF_TREES:
            continue
        try:
            if kind == TABLE_INTERIOR:
                linked.update(pages.children(number))
                continue
            offsets = list(pages.records_at(number))
        except DAMAGE:
            continue
        for offset in offsets:
            _take_record(found, pages, number, offset)
    if not is_list_whole:
        _leave_out_old_rows(found, linked)
    return found


def _take_record(found: _Found, pages: SqlitePages, number: int, offset: int) -> None:
    is_table = pages.kind(number) == TABLE_LEAF
    try:
        key, values = pages.record(number, offset)
    except DAMAGE:
        found.num_damaged += is_table
        return
    if is_table and key is not None:
        _take_table_record(found, key, values, (number, offset))
    elif len(values) == 2 and isinstance(values[0], str):
        _take_index_record(found, values[0], values[1])


def _leave_out_old_rows(found: _Found, linked: set[int]) -> None:
    """Rows that were changed, on pages that no other leads to, where it is not known which are unused."""
    found.notes.append(
        "The list of unused pages is damaged: a row that was deleted or updated may be back as it was."
    )
    if not linked:
        return
    for position, (page, _) in list(found.places.items()):
        if page not in linked and position in found.changed:
            del found.places[position]
    found.whole_ids = {
        id_: position for id_, position in found.whole_ids.items() if position in found.places
    }


def _take_table_record(
    found: _Found, position: int, values: list[Value], place: tuple[int, int]
) -> None:
    if len(values) == 2 and values[0] is None:
        found.changed.add(position)
    if len(values) == LOG_VALUES and isinstance(values[5], str):
        found.logged_fingerprint = values[5]
    row = _stored_row(position, values)
    if row is None:
        # such as an entry of the log, or of another table
        found.num_damaged += len(values) == ROW_VALUES and isinstance(values[2], bytes)
        return
    earlier = found.whole_ids.get(row[1], -1)
    if position < earlier:
        return  # deleted, and added again behind
    found.places.pop(earlier, None)
    found.places[position] = place
    found.whole_ids[row[1]] = position


def _take_index_record(found: _Found, name: str, value: Value) -> None:
    if name in SETTINGS:
        found.settings[name] = value
    elif isinstance(value, int):
        found.listed_ids.add(name)


def _stored_row(position: int, values: list[Value]) -> StoredRow | None:
    """The row of a record; None where it is another record, or not what was written."""
    if len(values) != ROW_VALUES:
        return None
    _, id_, blob, metadata, checksum = values
    if not (isinstance(id_, str) and isinstance(blob, bytes)):
        return None
    if not (isinstance(metadata, str) and isinstance(checksum, int)):
        return None
    return (
        (position, id_, blob, metadata, checksum)
        if is_whole(id_, blob, metadata, checksum)
        else None
    )


def _write(new: Path, found: _Found, pages: SqlitePages) -> None:
    """The new index, which appears whole or not at all."""
    temporary = new.with_name(f"{new.name}.{os.getpid()}.part")
    try:
        with closing(SqliteStore(temporary)) as store:
            rows = _rows(found, pages)
            while some := list(islice(rows, ROWS_AT_ONCE)):
                embeddings = np.stack([row.embedding for row in some])
                store.add(
                    [row.id for row in some],
                    Embeddings.of(embeddings, found.fingerprint),
                    [row.metadata for row in some],
                )
            store.write_log("recover", len(found.places))
        temporary.replace(new)
    finally:
        temporary.unlink(missing_ok=True)


def _rows(found: _Found, pages: SqlitePages) -> Iterator[Row]:
    for position, place in sorted(found.places.items()):
        _, values = pages.record(*place)
        if row := _stored_row(position, values):
            yield decoded(row, found.fingerprint)
