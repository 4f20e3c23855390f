"""Rows of an index to and from files that other programs read: Parquet and CSV, the same rows exactly.

Parquet: id, embedding (list of float32), metadata (JSON); the fingerprint among the file's own metadata
CSV:     id, metadata (JSON), fingerprint, e0, e1, ...  (nine digits, which give the same float32 again)
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from inference.embeddings import Embeddings
from inference.index.parquet_rows import read_parquet, write_parquet
from inference.index.store import Metadata, Row, StoreSettings

ROWS_AT_ONCE = 5000
CSV_COLUMNS = ("id", "metadata", "fingerprint")
READABLE = {".parquet": "Parquet", ".csv": "CSV"}


class RowBatch(NamedTuple):
    """Rows as `EmbeddingIndex.add` takes them."""

    ids: list[str]
    embeddings: Embeddings
    metadata: list[Metadata]


def write_rows(path: str | Path, rows: Iterable[Row], settings: StoreSettings) -> int:
    """Write the rows into a file whose name ends in .parquet or .csv; it appears whole or not at all.

    Returns:
        int, how many rows.
    Raises:
        ValueError: the name ends in neither.
    """
    target = _checked(path)
    write = write_parquet if target.suffix.lower() == ".parquet" else _write_csv
    temporary = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        num = write(temporary, _batches(rows, settings), settings)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return num


def read_rows(path: str | Path) -> Iterator[RowBatch]:
    """The rows of a file that `write_rows` wrote, some thousand at a time.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such file.
    """
    source = _checked(path)
    if not source.exists():
        raise FileNotFoundError(f"There is no file {source}.")
    read = read_parquet if source.suffix.lower() == ".parquet" else _read_csv
    for ids, vectors, texts, fingerprint in read(source, ROWS_AT_ONCE):
        try:
            metadata = [json.loads(text) if text else {} for text in texts]
        except json.JSONDecodeError as error:
            raise ValueError(f"{source}: the column metadata is not JSON ({error}).") from error
        yield RowBatch(ids, Embeddings.of(vectors, fingerprint), metadata)


def _checked(path: str | Path) -> Path:
    checked = Path(path)
    if checked.suffix.lower() not in READABLE:
        raise ValueError(
            f"Expected a path that ends in {' or '.join(READABLE)}, received '{path}'."
        )
    return checked


def _batches(rows: Iterable[Row], settings: StoreSettings) -> Iterator[RowBatch]:
    rows = iter(rows)
    while some := list(islice(rows, ROWS_AT_ONCE)):
        embeddings = Embeddings.of(np.stack([row.embedding for row in some]), settings.fingerprint)
        yield RowBatch([row.id for row in some], embeddings, [row.metadata for row in some])


def _write_csv(path: Path, batches: Iterable[RowBatch], settings: StoreSettings) -> int:
    num = 0
    numbers = [f"e{place}" for place in range(settings.embedding_size or 0)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*CSV_COLUMNS, *numbers])
        for ids, embeddings, metadata in batches:
            for id_, vector, entry in zip(ids, embeddings.tolist(), metadata, strict=True):
                text = json.dumps(entry, ensure_ascii=False)
                digits = ["%.9g" % number for number in vector]  # noqa: UP031 - twice as fast
                writer.writerow([id_, text, settings.fingerprint or "", *digits])
            num += len(ids)
    return num


def _read_csv(
    path: Path, rows_at_once: int
) -> Iterator[tuple[list[str], np.ndarray, list[str], str | None]]:
    with _csv_lines(path) as lines:
        header = next(lines, [])
        numbers = header[len(CSV_COLUMNS) :]
        if tuple(header[: len(CSV_COLUMNS)]) != CSV_COLUMNS or numbers != [
            f"e{place}" for place in range(len(numbers))
        ]:
            raise ValueError(
                f"{path} needs the columns {', '.join(CSV_COLUMNS)}, e0, e1, ...; received "
                f"{', '.join(header[:5]) or 'none'}{', ...' if len(header) > 5 else ''}."
            )
        line = 2
        while some := list(islice(lines, rows_at_once)):
            for place, row in enumerate(some):
                if len(row) != len(header):
                    raise ValueError(
                        f"{path}, row {line + place}: expected {len(header)} cells, received {len(row)}."
                    )
            fingerprints = sorted({row[2] for row in some})
            if len(fingerprints) > 1:
                raise ValueError(
                    f"{path} holds embeddings of several encoders ({', '.join(fingerprints)}). Keep those of "
                    "one, and embed the others again."
                )
            try:
                vectors = np.array([row[len(CSV_COLUMNS) :] for row in some], dtype=np.float32)
            except ValueError as error:
                raise ValueError(
                    f"{path}, rows {line} to {line + len(some) - 1}: {error}."
                ) from error
            line += len(some)
            yield (
                [row[0] for row in some],
                vectors,
                [row[1] for row in some],
                fingerprints[0] or None,
            )


@contextmanager
def _csv_lines(path: Path) -> Iterator[Iterator[list[str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield iter(csv.reader(file))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no readable CSV file ({error}).") from error
