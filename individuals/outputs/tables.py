"""The table of sightings as CSV, Parquet and JSON, and back; the same columns in all three."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from individuals.sighting import Sighting
from media.atomic import write_atomically
from media.cells import csv_text, read_csv_rows
from media.wording import some_problems

FORMAT, VERSION = "fused-encoder sightings", 1
Value = str | int | float | None


BOX_COLUMNS = ("box_left_px", "box_top_px", "box_right_px", "box_bottom_px")
REQUIRED = ("individual", "media", "start_seconds", "end_seconds")
COLUMNS = (
    *("individual", "name", "species", "media", "modality", "start_seconds", "end_seconds"),
    *("captured_at", "frame_index", *BOX_COLUMNS, "frame_width_px", "frame_height_px"),
    *("low_frequency_hz", "high_frequency_hz", "tracklet", "similarity", "probability", "quality"),
    *("occasion", "deployment", "place", "decided_by", "key"),
)


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
    rows = [_to_row(sighting) for sighting in sightings]
    return write_atomically(path, writers[_ending(path)](rows))


def read_sightings(path: str | Path) -> list[Sighting]:
    """The sightings of a table that `write_sightings` wrote, or that was made by hand.

    Other columns are ignored. Of ours, individual, media, start_seconds and end_seconds must be there.

    Args:
        path: ends in .csv, .parquet or .json.
    Returns:
        One for each row, equal to what was written in all that has a column.
    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the ending is another, the file is damaged, or rows are no sightings (all are listed).
    """
    readers = {".csv": _from_csv, ".parquet": _from_parquet, ".json": _from_json}
    sightings, problems = [], []
    for number, row in readers[_ending(path)](Path(path)):
        try:
            sightings.append(_from_row(row))
        except ValueError as error:
            problems.append(f"row {number}: {error}")
    if problems:
        listed = some_problems(problems, separator="\n  ")
        raise ValueError(f"'{path}' has rows that are no sightings:\n  {listed}")
    return sightings


def _ending(path: str | Path) -> str:
    known, ending = (".csv", ".parquet", ".json"), Path(path).suffix.lower()
    if ending not in known:
        raise ValueError(f"Expected a path that ends in {', '.join(known)}, received '{path}'.")
    return ending


def _to_row(sighting: Sighting) -> dict[str, Value]:
    row = {name: getattr(sighting, name, None) for name in COLUMNS}
    if sighting.captured_at is not None:
        row["captured_at"] = sighting.captured_at.isoformat()
    if sighting.box is not None:
        row |= dict(zip(BOX_COLUMNS, sighting.box, strict=True))
    return row


def _from_row(row: Mapping[str, object]) -> Sighting:
    values = {name: raw for name in COLUMNS if (raw := row.get(name)) not in (None, "")}
    if missing := [name for name in REQUIRED if name not in values]:
        raise ValueError(f"{', '.join(missing)} must not be empty")
    box = [values.pop(name, None) for name in BOX_COLUMNS]
    if None in box and box != [None] * 4:
        raise ValueError(f"a box needs all of {', '.join(BOX_COLUMNS)}")
    return Sighting.from_dict(values | ({} if None in box else {"box": box}))


def _to_csv(rows: Sequence[Mapping[str, Value]]) -> bytes:
    text = csv_text(COLUMNS, [list(row.values()) for row in rows])
    return text.encode("utf-8", errors="surrogateescape")


def _from_csv(path: Path) -> Iterable[tuple[int, Mapping[str, object]]]:
    return read_csv_rows(path, *REQUIRED)[1]


def _to_json(rows: Sequence[Mapping[str, Value]]) -> bytes:
    record = {"format": FORMAT, "version": VERSION, "columns": COLUMNS, "sightings": rows}
    text = json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False)
    # What is not UTF-8 in a file name is a lone surrogate, which JSON has an escape for: \udcff.
    return text.encode("utf-8", errors="backslashreplace")


def _from_json(path: Path) -> Iterable[tuple[int, Mapping[str, object]]]:
    try:
        record = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"'{path}' is no JSON ({error}).") from error
    known = record if isinstance(record, dict) else {}
    rows = known.get("sightings")
    if (known.get("format"), known.get("version")) != (FORMAT, VERSION) or not (
        isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
    ):
        raise ValueError(
            f"'{path}' holds no sightings that this version reads. Expected an object with format = "
            f"{FORMAT!r}, version = {VERSION} and a list of objects as sightings."
        )
    return enumerate(rows, start=1)


def _to_parquet(rows: Sequence[Mapping[str, Value]]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    types = {"whole number": pyarrow.int64(), "number": pyarrow.float64()}
    kinds = {each.name: each.metadata.get("kind", "text") for each in fields(Sighting)}
    kinds |= dict.fromkeys(BOX_COLUMNS, "number")
    schema = pyarrow.schema([(name, types.get(kinds[name], pyarrow.string())) for name in COLUMNS])
    try:
        table = pyarrow.Table.from_pylist(rows, schema=schema)
    except UnicodeEncodeError as error:
        raise ValueError(
            f"Parquet cannot hold it: {error.object!r} is not Unicode. Write .csv or .json."
        ) from error
    content = pyarrow.BufferOutputStream()
    parquet.write_table(table, content)
    return content.getvalue().to_pybytes()


def _from_parquet(path: Path) -> Iterable[tuple[int, Mapping[str, object]]]:
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.read_table(pyarrow.BufferReader(path.read_bytes()))
    except pyarrow.ArrowException as error:
        raise ValueError(f"'{path}' is no Parquet file, or damaged ({error}).") from error
    return enumerate(table.to_pylist(), start=1)
