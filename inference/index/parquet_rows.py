"""Rows to and from Parquet, by pyarrow."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inference.index.store import Metadata, StoreSettings

if TYPE_CHECKING:
    import pyarrow

    from inference.embeddings import Embeddings

COLUMNS = ("id", "embedding", "metadata")
OUR_KEY = b"fused_encoder"


def write_parquet(
    path: Path,
    batches: Iterable[tuple[list[str], Embeddings, list[Metadata]]],
    settings: StoreSettings,
) -> int:
    """Write the rows; returns how many."""
    import pyarrow as arrow  # only where a Parquet file is written or read
    from pyarrow import parquet

    size = settings.embedding_size or 0
    columns = [
        arrow.field("id", arrow.string(), nullable=False),
        arrow.field("embedding", arrow.list_(arrow.float32(), size), nullable=False),
        arrow.field("metadata", arrow.string(), nullable=False),
    ]
    told = json.dumps({"fingerprint": settings.fingerprint, "embedding_size": size})
    schema = arrow.schema(columns, metadata={OUR_KEY: told.encode()})
    num = 0
    with parquet.ParquetWriter(str(path), schema, compression="zstd") as writer:
        for ids, embeddings, metadata in batches:
            numbers = arrow.array(np.asarray(embeddings).reshape(-1), arrow.float32())
            vectors = arrow.FixedSizeListArray.from_arrays(numbers, size)
            texts = [json.dumps(entry, ensure_ascii=False) for entry in metadata]
            arrays = [arrow.array(ids, arrow.string()), vectors, arrow.array(texts, arrow.string())]
            writer.write_batch(arrow.record_batch(arrays, schema=schema))
            num += len(ids)
    return num


def read_parquet(
    path: Path, rows_at_once: int
) -> Iterator[tuple[list[str], np.ndarray, list[str], str | None]]:
    """Ids, embeddings, metadata as JSON and fingerprint, some rows at a time.

    Raises:
        ValueError: no Parquet file, damaged, or without these columns.
    """
    import pyarrow as arrow  # only where a Parquet file is written or read
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(str(path)) as file:
            names = file.schema_arrow.names
            if missing := [name for name in COLUMNS if name not in names]:
                raise ValueError(
                    f"{path} needs the columns {', '.join(COLUMNS)}; it has no {', '.join(missing)}, but "
                    f"{', '.join(names) or 'none'}."
                )
            told = json.loads((file.schema_arrow.metadata or {}).get(OUR_KEY, b"{}"))
            for batch in file.iter_batches(rows_at_once, columns=list(COLUMNS)):
                ids, metadata = batch["id"].to_pylist(), batch["metadata"].to_pylist()
                yield ids, _vectors(path, batch["embedding"]), metadata, told.get("fingerprint")
    except (arrow.ArrowException, OSError) as error:
        raise ValueError(f"{path} is no readable Parquet file ({error}).") from error


def _vectors(path: Path, column: pyarrow.Array) -> np.ndarray:
    numbers = column.flatten().to_numpy(zero_copy_only=False)
    num = len(column)
    if column.null_count or (num and len(numbers) % num):
        raise ValueError(f"{path}: the embeddings are not all there, or of different sizes.")
    return np.asarray(numbers, dtype=np.float32).reshape(num, -1)
