"""What add, update and delete will do, given what is visible: all that is wrong is told here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from inference.embeddings import Embeddings
from inference.index.checks import check_same_encoder
from inference.index.milvus.entities import Entity, check_storable, row_entity, stored_row
from inference.index.milvus.state import State
from inference.index.milvus.table import Table
from inference.index.milvus.write import Change
from inference.index.store import Metadata
from inference.index.stored_rows import (
    EncodedRow,
    StoredRow,
    check_row,
    encoded,
    in_order,
    new_rows,
)


def adding(
    table: Table,
    state: State,
    rows: Sequence[EncodedRow],
    metadata: Sequence[Metadata],
    embeddings: Embeddings,
) -> Change:
    """Keep those of the rows that are new; the first embeddings say which encoder and size they are of."""
    check_same_encoder(embeddings, state.settings, table.location)
    state = _adopting(state, embeddings)
    check_storable(rows, metadata, state.embedding_size, table.location)
    stored = {row[1]: row for row in stored_rows(table, [row[0] for row in rows], state)}
    new = new_rows(rows, stored, table.location)
    if not new:
        return Change(state)
    places = range(state.next_position, state.next_position + len(new))
    of_id = {row[0]: entry for row, entry in zip(rows, metadata, strict=True)}
    entities = [
        row_entity(row, of_id[row[0]], number, position=place, version=state.next_version)
        for number, (row, place) in enumerate(zip(new, places, strict=True))
    ]
    state = replace(state, num_rows=state.num_rows + len(new), next_position=places.stop)
    return Change(state, "add", len(new), entities)


def updating(
    table: Table,
    state: State,
    ids: Sequence[str],
    embeddings: Embeddings | None,
    metadata: Sequence[Metadata] | None,
) -> Change:
    """Write the rows anew at their places, and take away those of before.

    Raises:
        KeyError: ids that are not there.
    """
    if embeddings is not None:
        check_same_encoder(embeddings, state.settings, table.location)
        state = _adopting(state, embeddings)
    found = {entity["id"]: entity for entity in table.with_ids(ids, state)}
    before = in_order(ids, checked_rows(table, found.values()), state.fingerprint, table.location)
    if not before:
        return Change(state)
    entries = [row.metadata for row in before] if metadata is None else metadata
    vectors = [row.embedding for row in before] if embeddings is None else embeddings
    rows = encoded(ids, vectors, entries)
    check_storable(rows, entries, state.embedding_size, table.location)
    places = [int(found[id_]["position"]) for id_ in ids]
    entities = [
        row_entity(row, entry, number, position=place, version=state.next_version)
        for number, (row, entry, place) in enumerate(zip(rows, entries, places, strict=True))
    ]
    return Change(state, "update", len(rows), entities, _keys(found.values()))


def deleting(table: Table, state: State, ids: Sequence[str]) -> Change:
    """Take away those of the rows that are there."""
    gone = _keys(table.with_ids(ids, state, ["key", "id"]))
    if not gone:
        return Change(state)
    state = replace(state, num_rows=state.num_rows - len(gone))
    return Change(state, "delete", len(gone), gone=gone)


def stored_rows(table: Table, ids: Sequence[str], state: State) -> list[StoredRow]:
    """The visible rows with these ids, checked, in no order."""
    return checked_rows(table, table.with_ids(ids, state))


def checked_rows(table: Table, entities: Iterable[Entity]) -> list[StoredRow]:
    """The rows behind these entities.

    Raises:
        ValueError: one is not what was written.
    """
    rows = [stored_row(entity) for entity in entities]
    for row in rows:
        check_row(table.address, *row[1:])
    return rows


def _adopting(state: State, embeddings: Embeddings) -> State:
    if not len(embeddings):
        return state
    return replace(
        state,
        embedding_size=state.embedding_size or embeddings.shape[1],
        fingerprint=state.fingerprint or embeddings.fingerprint,
    )


def _keys(entities: Iterable[Entity]) -> list[int]:
    return [int(entity["key"]) for entity in entities]
