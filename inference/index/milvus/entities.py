"""Rows as Milvus keeps them: the fields of the collection, rows into them and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.index.checks import quoted
from inference.index.milvus.facets import MOST_FACETS, facets_of, number_of
from inference.index.store import Metadata
from inference.index.stored_rows import ON_DISK, EncodedRow, StoredRow

if TYPE_CHECKING:
    from pymilvus import CollectionSchema, MilvusClient

Entity = dict[str, Any]  # Any: the client's own type of a row, field by name
ROWS, JOURNAL = "rows", "journal"  # partitions
LOG, HIDDEN = 1, 2  # `id_number` in the journal
FIELDS = ["key", "position", "id", "metadata", "checksum", "embedding"]
MOST_BYTES = 65_535  # of a text in Milvus
KEYS_OF_A_CALL = 2**32
SIZES = range(2, 32_769)
PROBLEMS_TOLD = 5


def schema(client: MilvusClient, embedding_size: int) -> CollectionSchema:
    """The fields of the collection of rows.

    `key` is another one each time a row is written, by whichever call; `position` stays, and orders rows as
    they were added.
    """
    from pymilvus import DataType

    fields = client.create_schema(auto_id=False, enable_dynamic_field=False)
    fields.add_field("key", DataType.INT64, is_primary=True)
    fields.add_field("position", DataType.INT64)
    fields.add_field("version", DataType.INT64)
    fields.add_field("id", DataType.VARCHAR, max_length=MOST_BYTES)
    fields.add_field("id_number", DataType.INT64)
    fields.add_field("metadata", DataType.VARCHAR, max_length=MOST_BYTES)
    fields.add_field(
        "facets", DataType.ARRAY, element_type=DataType.INT64, max_capacity=MOST_FACETS
    )
    fields.add_field("checksum", DataType.INT64)
    fields.add_field("embedding", DataType.FLOAT_VECTOR, dim=embedding_size)
    return fields


def key_of(version: int, number: int) -> int:
    """A key that no other call gives, not even one that was taken for dead and goes on."""
    return version * KEYS_OF_A_CALL + number


def row_entity(
    row: EncodedRow, metadata: Metadata, number: int, *, position: int, version: int
) -> Entity:
    """A row as the client takes it; `number` counts the rows of one call."""
    id_, blob, text, checksum = row
    return {
        "key": key_of(version, number),
        "position": position,
        "version": version,
        "id": id_,
        "id_number": number_of(id_),
        "metadata": text,
        "facets": facets_of(metadata),
        "checksum": checksum,
        "embedding": np.frombuffer(blob, ON_DISK),
    }


def journal_entity(kind: int, key: int, position: int, text: str, embedding_size: int) -> Entity:
    """A row of the journal: what was done, or which rows are to be left out."""
    return {
        "key": key,
        "position": position,
        "version": 0,
        "id": "journal",
        "id_number": kind,
        "metadata": text,
        "facets": [],
        "checksum": 0,
        "embedding": np.eye(1, embedding_size, dtype=np.float32)[0],
    }


def stored_row(entity: Mapping[str, Any]) -> StoredRow:
    """The row behind an entity, as the embedded store keeps it: position, id, bytes, text, checksum."""
    blob = np.asarray(entity["embedding"], dtype=ON_DISK).tobytes()
    return (
        int(entity["position"]),
        str(entity["id"]),
        blob,
        str(entity["metadata"]),
        int(entity["checksum"]),
    )


def num_bytes(entity: Mapping[str, Any]) -> int:
    """About how long the message is that carries this entity."""
    texts = len(entity["id"].encode()) + len(entity["metadata"].encode())
    return texts + int(entity["embedding"].nbytes) + 8 * len(entity["facets"]) + 64


def check_storable(
    rows: Sequence[EncodedRow],
    metadata: Iterable[Metadata],
    embedding_size: int | None,
    location: str,
) -> None:
    """Refuse what Milvus cannot hold, before anything is written.

    Raises:
        ValueError: ids or metadata that are too long; too many keys; embeddings too short or too long.
    """
    if rows and embedding_size not in SIZES:
        raise ValueError(
            f"{location} can hold embeddings of {SIZES[0]} to {SIZES[-1]} numbers, received "
            f"{embedding_size}. Use the embedded index (a path such as 'birds.index') for these."
        )
    problems = {
        f"ids of more than {MOST_BYTES} bytes": [
            id_ for id_, *_ in rows if len(id_) > MOST_BYTES // 4 and len(id_.encode()) > MOST_BYTES
        ],
        f"metadata of more than {MOST_BYTES} bytes as JSON": [
            id_
            for id_, _, text, _ in rows
            if len(text) > MOST_BYTES // 4 and len(text.encode()) > MOST_BYTES
        ],
        f"more than {MOST_FACETS // 2} keys of metadata": [
            row[0]
            for row, entry in zip(rows, metadata, strict=True)
            if 2 * len(entry) > MOST_FACETS
        ],
    }
    found = [
        f"{len(ids)} rows with {problem} ({quoted([id_[:40] for id_ in ids], PROBLEMS_TOLD)})"
        for problem, ids in problems.items()
        if ids
    ]
    if found:
        raise ValueError(
            f"{location} cannot hold {'; '.join(found)}. Shorten these, keep long texts elsewhere, or use "
            "the embedded index (a path such as 'birds.index')."
        )
