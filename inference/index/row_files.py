"""Rows of an index to and from files that other programs read: Parquet and CSV, the same rows exactly.

Parquet: id, embedding (list of float32), metadata (JSON); the fingerprint among the file's own metadata
CSV:     id, metadata (JSON), fingerprint, e0, e1, ...  (nine digits, which give the same float32 again)
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inference.embeddings import Embeddings
from inference.index.embedding_index import EmbeddingIndex
from inference.index.rows import Row
from media.atomic import atomic_file
from media.cells import guard_cell, unguard_cell

if TYPE_CHECKING:
    import pyarrow

ROWS_AT_ONCE = 5000
COLUMNS = ["id", "embedding", "metadata"]
CSV_COLUMNS = ["id", "metadata", "fingerprint"]
OUR_KEY = b"fused_encoder"
Batch = tuple[list[str], Embeddings, list[str]]  # ids, embeddings, metadata as JSON


def export_rows(index: EmbeddingIndex, path: str | Path) -> int:
    """Write all rows into a file that other programs read; returns how many.

    Args:
        index: EmbeddingIndex.
        path: ends in .parquet or .csv, else ValueError. The file appears whole or not at all. In CSV, ids
            that a spreadsheet would run as a formula begin with an apostrophe; `import_rows` takes it away.
    """
    target = Path(path)
    write = _write_parquet if _is_parquet(target) else _write_csv
    with atomic_file(target) as temporary:
        return write(temporary, index)


def import_rows(index: EmbeddingIndex, path: str | Path) -> int:
    """Add the rows of a file that `export_rows` wrote, some thousand in each step; returns how many were new.

    After an error the steps before it are kept: mend the file and import again, which passes over them.

    Raises:
        ValueError: as `EmbeddingIndex.add`; or no such file as `export_rows` writes.
        FileNotFoundError: there is no such file.
    """
    source = Path(path)
    read = _read_parquet if _is_parquet(source) else _read_csv
    if not source.exists():
        raise FileNotFoundError(f"There is no file {source}.")
    num_new = 0
    for ids, embeddings, texts in read(source):
        try:
            metadata = [json.loads(text or "{}") for text in texts]
        except json.JSONDecodeError as error:
            raise ValueError(f"{source}: the column metadata is not JSON ({error}).") from error
        num_new += index.add(ids, embeddings, metadata)
    return num_new


def _is_parquet(path: Path) -> bool:
    if path.suffix.lower() not in (".parquet", ".csv"):
        raise ValueError(f"Expected a path that ends in .parquet or .csv, received '{path}'.")
    return path.suffix.lower() == ".parquet"


def _text(row: Row) -> str:
    return json.dumps(row.metadata, ensure_ascii=False)


def _write_parquet(path: Path, index: EmbeddingIndex) -> int:
    import pyarrow as arrow  # only where a Parquet file is written or read
    from pyarrow import parquet

    size, num = index.embedding_size or 0, 0
    told = json.dumps({"fingerprint": index.fingerprint, "embedding_size": size})
    types = [arrow.string(), arrow.list_(arrow.float32(), size), arrow.string()]
    columns = [arrow.field(*column, nullable=False) for column in zip(COLUMNS, types, strict=True)]
    schema = arrow.schema(columns, metadata={OUR_KEY: told.encode()})
    with parquet.ParquetWriter(str(path), schema, compression="zstd") as writer:
        every = iter(index)
        while rows := list(islice(every, ROWS_AT_ONCE)):
            numbers = np.concatenate([np.asarray(row.embedding) for row in rows])
            vectors = arrow.FixedSizeListArray.from_arrays(numbers, size)
            arrays = [arrow.array([row.id for row in rows]), vectors, arrow.array(map(_text, rows))]
            writer.write_batch(arrow.record_batch(arrays, schema=schema))
            num += len(rows)
    return num


def _read_parquet(path: Path) -> Iterator[Batch]:
    import pyarrow as arrow  # only where a Parquet file is written or read
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(str(path)) as file:
            names = file.schema_arrow.names
            if missing := [name for name in COLUMNS if name not in names]:
                lacking = f"it has no {', '.join(missing)}, but {', '.join(names) or 'none'}"
                raise ValueError(f"{path} needs the columns {', '.join(COLUMNS)}; {lacking}.")
            told = json.loads((file.schema_arrow.metadata or {}).get(OUR_KEY, b"{}"))
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=COLUMNS):
                vectors = Embeddings.of(_vectors(path, batch["embedding"]), told.get("fingerprint"))
                yield batch["id"].to_pylist(), vectors, batch["metadata"].to_pylist()
    except (arrow.ArrowException, OSError) as error:
        raise ValueError(f"{path} is no readable Parquet file ({error}).") from error


def _vectors(path: Path, column: pyarrow.Array) -> np.ndarray:
    numbers = column.flatten().to_numpy(zero_copy_only=False)
    if column.null_count or (len(column) and len(numbers) % len(column)):
        raise ValueError(f"{path}: the embeddings are not all there, or of different sizes.")
    return np.asarray(numbers, dtype=np.float32).reshape(len(column), -1)


def _header(size: int) -> list[str]:
    return [*CSV_COLUMNS, *(f"e{place}" for place in range(size))]


def _write_csv(path: Path, index: EmbeddingIndex) -> int:
    num, fingerprint = 0, guard_cell(index.fingerprint or "")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_header(index.embedding_size or 0))
        for row in index:
            numbers = ["%.9g" % number for number in row.embedding.tolist()]  # noqa: UP031 - twice as fast
            writer.writerow([guard_cell(row.id), _text(row), fingerprint, *numbers])
            num += 1
    return num


def _read_csv(path: Path) -> Iterator[Batch]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file)
            header = next(lines, [])
            if header != _header(len(header) - 3):
                expected = ", ".join([*CSV_COLUMNS, "e0", "e1", "..."])
                received = ", ".join(header[:5]) or "none"
                raise ValueError(f"{path} needs the columns {expected}; received {received}.")
            line = 2
            while some := list(islice(lines, ROWS_AT_ONCE)):
                yield _batch(path, some, len(header), line)
                line += len(some)
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no readable CSV file ({error}).") from error


def _batch(path: Path, rows: list[list[str]], num_cells: int, line: int) -> Batch:
    for place, row in enumerate(rows, line):
        if len(row) != num_cells:
            told = f"expected {num_cells} cells, received {len(row)}"
            raise ValueError(f"{path}, row {place}: {told}.")
    fingerprints = sorted({unguard_cell(row[2]) for row in rows})
    if len(fingerprints) > 1:
        told = f"{path} holds embeddings of several encoders ({', '.join(fingerprints)})"
        raise ValueError(f"{told}. Keep those of one, and embed the others again.")
    try:
        vectors = np.array([row[3:] for row in rows], dtype=np.float32)
    except ValueError as error:
        raise ValueError(f"{path}, rows {line} to {line + len(rows) - 1}: {error}.") from error
    ids = [unguard_cell(row[0]) for row in rows]
    return ids, Embeddings.of(vectors, fingerprints[0] or None), [row[1] for row in rows]
