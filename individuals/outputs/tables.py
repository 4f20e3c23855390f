"""The table of sightings as CSV, Parquet and JSON, and back; the same columns in all three."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

from individuals.outputs.columns import COLUMN_NAMES, COLUMNS, rows_to_sightings, sighting_to_row
from individuals.sighting import Sighting
from media.atomic import write_atomically
from media.cells import csv_text, read_csv_rows

FORMAT = "fused-encoder sightings"
VERSION = 1


def write_sightings(path: str | Path, sightings: Sequence[Sighting]) -> Path:
    """Writes a table with one row per sighting; its columns are `individuals.outputs.COLUMNS`.

    Without sightings, the table has its columns and no rows.

    Args:
        path: ends in .csv, .parquet or .json.
        sightings: in the order of the rows.
    Returns:
        The path.
    Raises:
        ValueError: another ending; or text that is not Unicode, which Parquet cannot hold.
    """
    writers = {".csv": _to_csv, ".parquet": _to_parquet, ".json": _to_json}
    ending = _ending(path, writers)
    return write_atomically(path, writers[ending](sightings))


def read_sightings(path: str | Path) -> list[Sighting]:
    """The sightings of a table that `write_sightings` wrote, or that was made by hand.

    Columns beside ours are ignored. Of ours, individual, media, start_seconds and end_seconds must be there.

    Args:
        path: ends in .csv, .parquet or .json.
    Returns:
        One for each row, equal to what was written.
    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the ending is another, the file is damaged, or rows are no sightings (all are listed).
    """
    readers = {".csv": _from_csv, ".parquet": _from_parquet, ".json": _from_json}
    return readers[_ending(path, readers)](Path(path))


def _ending(path: str | Path, known: dict) -> str:
    ending = Path(path).suffix.lower()
    if ending not in known:
        raise ValueError(f"Expected a path that ends in {', '.join(known)}, received '{path}'.")
    return ending


def _to_csv(sightings: Sequence[Sighting]) -> bytes:
    rows = [list(sighting_to_row(sighting).values()) for sighting in sightings]
    return csv_text(COLUMN_NAMES, rows).encode("utf-8", errors="surrogateescape")


def _from_csv(path: Path) -> list[Sighting]:
    names, rows = read_csv_rows(path, "individual")
    return rows_to_sightings(rows, names, f"'{path}'")


def _to_json(sightings: Sequence[Sighting]) -> bytes:
    record = {
        "format": FORMAT,
        "version": VERSION,
        "columns": list(COLUMN_NAMES),
        "sightings": [sighting_to_row(sighting) for sighting in sightings],
    }
    text = json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False)
    # What is not UTF-8 in a file name is a lone surrogate, which JSON has an escape for: \udcff.
    return text.encode("utf-8", errors="backslashreplace")


def _from_json(path: Path) -> list[Sighting]:
    try:
        record = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"'{path}' is no JSON ({error}).") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ValueError(
            f"'{path}' holds no sightings. Expected an object with format = {FORMAT!r}, as write_sightings "
            "makes it."
        )
    if record.get("version") != VERSION:
        raise ValueError(
            f"'{path}' is of version {record.get('version')!r}, this program reads {VERSION}. Update "
            "fused-encoder."
        )
    rows = record.get("sightings")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"'{path}' is damaged: sightings must be a list of objects.")
    return rows_to_sightings(rows, record.get("columns", COLUMN_NAMES), f"'{path}'")


def _to_parquet(sightings: Sequence[Sighting]) -> bytes:
    import pyarrow  # only where a Parquet file is written or read
    from pyarrow import parquet

    rows = [sighting_to_row(sighting) for sighting in sightings]
    types = {"text": pyarrow.string(), "whole": pyarrow.int64(), "number": pyarrow.float64()}
    schema = pyarrow.schema([(column.name, types[column.kind]) for column in COLUMNS])
    try:
        table = pyarrow.Table.from_pylist(rows, schema=schema)
    except UnicodeEncodeError as error:
        raise ValueError(
            f"A text is not Unicode and Parquet cannot hold it: {error.object!r}. Rename the file, or write "
            ".csv or .json."
        ) from error
    content = io.BytesIO()
    parquet.write_table(table, content)
    return content.getvalue()


def _from_parquet(path: Path) -> list[Sighting]:
    import pyarrow  # only where a Parquet file is written or read
    from pyarrow import parquet

    content = io.BytesIO(path.read_bytes())
    try:
        table = parquet.read_table(content)
    except pyarrow.ArrowException as error:
        raise ValueError(f"'{path}' is no Parquet file, or damaged ({error}).") from error
    return rows_to_sightings(table.to_pylist(), table.column_names, f"'{path}'")
