"""Rows as they stand in the file: to bytes and back, each with a checksum of all that it holds."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from inference.embeddings import Embeddings
from inference.index.checks import quoted
from inference.index.store import Metadata, Row

SAME_EMBEDDING_TOLERANCE = 1e-5
ON_DISK = np.dtype("<f4")
COLUMNS = "position, id, embedding, metadata, checksum"
StoredRow = tuple[int, str, bytes, str, int]  # COLUMNS
EncodedRow = tuple[str, bytes, str, int]  # COLUMNS without the position

_to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def row_checksum(id_: str, blob: bytes, metadata: str) -> int:
    """CRC-32 over all that a row holds, so that a damaged row is noticed when it is read."""
    return zlib.crc32(b"".join((id_.encode(), blob, metadata.encode())))


def is_whole(id_: str, blob: bytes, metadata: str, checksum: int) -> bool:
    """Whether a row is what was written."""
    return (
        isinstance(id_, str)
        and isinstance(blob, bytes)
        and isinstance(metadata, str)
        and row_checksum(id_, blob, metadata) == checksum
    )


def check_row(path: object, id_: str, blob: bytes, metadata: str, checksum: int) -> None:
    """Refuse a row that is not what was written; `path` (or another address) says of which index.

    Raises:
        ValueError: the checksum does not fit; names the row.
    """
    if not is_whole(id_, blob, metadata, checksum):
        raise ValueError(
            f"The row {id_!r} of the index {path} is damaged (its checksum does not fit). "
            "Restore the index from a copy, or delete this id and add it again."
        )


def encoded(
    ids: Sequence[str], embeddings: Embeddings | Sequence[Embeddings], metadata: Sequence[Metadata]
) -> list[EncodedRow]:
    """Rows as the file keeps them."""
    vectors = np.ascontiguousarray(embeddings, dtype=ON_DISK)
    rows = []
    for id_, vector, entry in zip(ids, vectors, metadata, strict=True):
        blob, text = vector.tobytes(), _to_json(entry)
        rows.append((id_, blob, text, row_checksum(id_, blob, text)))
    return rows


def decoded(stored: StoredRow, fingerprint: str | None) -> Row:
    """The row that `encoded` made this of."""
    _, id_, blob, metadata, _ = stored
    return Row(
        id_, Embeddings.of(np.frombuffer(blob, dtype=ON_DISK), fingerprint), json.loads(metadata)
    )


def unit_vectors(blobs: Sequence[bytes], size: int) -> np.ndarray:
    """float32 [num, size] of exactly the length that float32 allows, as the scan compares them."""
    read = np.frombuffer(b"".join(blobs), dtype=ON_DISK).reshape(len(blobs), size)
    return (read / np.linalg.norm(read, axis=1, keepdims=True)).astype(np.float32, copy=False)


def is_same(row: EncodedRow, stored: StoredRow) -> bool:
    """Whether adding again changes nothing; the tolerance lets an embedding be computed again elsewhere."""
    _, blob, metadata, _ = row
    _, _, stored_blob, stored_metadata, _ = stored
    if (blob, metadata) == (stored_blob, stored_metadata):
        return True
    difference = np.abs(np.frombuffer(blob, ON_DISK) - np.frombuffer(stored_blob, ON_DISK)).max()
    is_near = bool(difference <= SAME_EMBEDDING_TOLERANCE)
    return is_near and json.loads(metadata) == json.loads(stored_metadata)


def new_rows(
    rows: Sequence[EncodedRow], stored: Mapping[str, StoredRow], location: str
) -> list[EncodedRow]:
    """Those that are not stored (by id).

    Raises:
        ValueError: ids that are stored with another embedding or other metadata.
    """
    changed = [row[0] for row in rows if row[0] in stored and not is_same(row, stored[row[0]])]
    if changed:
        raise ValueError(
            f"{location} holds {len(changed)} of these ids with another embedding or other "
            f"metadata: {quoted(changed)}. Nothing was added. To replace rows use update; for new "
            "rows choose new ids."
        )
    return [row for row in rows if row[0] not in stored]


def in_order(
    ids: Sequence[str], stored: Iterable[StoredRow], fingerprint: str | None, location: str
) -> list[Row]:
    """The rows in the order of `ids`.

    Raises:
        KeyError: ids that are not among the stored rows.
    """
    rows = {row[1]: decoded(row, fingerprint) for row in stored}
    missing = [id_ for id_ in ids if id_ not in rows]
    if missing:
        raise KeyError(f"{location} does not hold {len(missing)} of these ids: {quoted(missing)}.")
    return [rows[id_] for id_ in ids]
