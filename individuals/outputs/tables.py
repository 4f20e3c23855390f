"""The table of sightings as CSV, Parquet and JSON, and back; the same columns in all three."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal, NamedTuple

from individuals.sighting import Sighting
from media.atomic import write_atomically
from media.cells import csv_text, read_csv_rows
from media.wording import some_problems

FORMAT, VERSION = "fused-encoder sightings", 1
Value = str | int | float | None


class Column(NamedTuple):
    """A column: its name with its unit, what it holds, and what it means."""

    name: str
    kind: Literal["text", "whole number", "number"]
    meaning: str


BOX_COLUMNS = ("box_left_px", "box_top_px", "box_right_px", "box_bottom_px")
REQUIRED = ("individual", "media", "start_seconds", "end_seconds")
COLUMNS = (
    Column("individual", "text", "who: the number of a count, or a catalogue's id"),
    Column("name", "text", "what people call it"),
    Column("species", "text", "species or class"),
    Column("media", "text", "path of the video, photo or recording, as it was given"),
    Column("modality", "text", "`image` seen, `audio` heard, `fused` both"),
    Column("start_seconds", "number", "start of the sighting, from the start of the media"),
    Column("end_seconds", "number", "its end"),
    Column("captured_at", "text", "start of the media, ISO 8601"),
    Column("frame_index", "whole number", "frame that the box is in, from 0"),
    Column("box_left_px", "number", "left side of the box, pixels from the left"),
    Column("box_top_px", "number", "upper side, pixels from the top"),
    Column("box_right_px", "number", "right side"),
    Column("box_bottom_px", "number", "lower side"),
    Column("frame_width_px", "whole number", "width of the frame"),
    Column("frame_height_px", "whole number", "height of the frame"),
    Column("low_frequency_hz", "number", "lower edge of a call"),
    Column("high_frequency_hz", "number", "upper edge of a call"),
    Column("tracklet", "whole number", "number of the tracklet in its media"),
    Column("similarity", "number", "cosine to the individual's other sightings"),
    Column("probability", "number", "that the individual is right, in [0, 1]"),
    Column("quality", "number", "of what was seen, in [0, 1]"),
    Column("occasion", "text", "sampling occasion"),
    Column("deployment", "text", "camera or recorder at a place for a time"),
    Column("place", "text", "where"),
    Column("decided_by", "text", "`automatic`, or the person who said who it is"),
    Column("key", "text", "name of the sighting in counts, reviews and catalogues"),
)
COLUMN_NAMES = tuple(column.name for column in COLUMNS)


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
    """One value for each column; None where something is not known."""
    row = {name: getattr(sighting, name, None) for name in COLUMN_NAMES}
    if sighting.captured_at is not None:
        row["captured_at"] = sighting.captured_at.isoformat()
    if sighting.box is not None:
        row |= dict(zip(BOX_COLUMNS, sighting.box, strict=True))
    return row


def _from_row(row: Mapping[str, object]) -> Sighting:
    values = {
        c.name: _converted(c, raw) for c in COLUMNS if (raw := row.get(c.name)) not in (None, "")
    }
    if missing := [name for name in REQUIRED if name not in values]:
        raise ValueError(f"{', '.join(missing)} must not be empty")
    box = [values.pop(name, None) for name in BOX_COLUMNS]
    if None in box and box != [None] * 4:
        raise ValueError(f"a box needs all of {', '.join(BOX_COLUMNS)}")
    return Sighting(**values, box=None if None in box else tuple(box))  # type: ignore[arg-type] # by their columns


def _converted(column: Column, raw: object) -> object:
    try:
        if column.name == "captured_at":
            return datetime.fromisoformat(str(raw))
        if column.kind == "text":
            return str(raw)
        if column.kind == "number":
            return float(raw)  # type: ignore[arg-type] # what is no number is refused below
        number = Decimal(str(raw))
        if number != number.to_integral_value():
            raise ValueError
        return int(number)  # a spreadsheet or data frame may have made 12.0 of 12
    except (TypeError, ValueError, ArithmeticError):
        told = {"captured_at": "such as 2026-05-01T06:30:00+02:00"}
        expected = told.get(column.name, f"a {column.kind}")
        raise ValueError(f"{column.name} must be {expected}, is {raw!r}") from None


def _to_csv(rows: Sequence[Mapping[str, Value]]) -> bytes:
    text = csv_text(COLUMN_NAMES, [list(row.values()) for row in rows])
    return text.encode("utf-8", errors="surrogateescape")


def _from_csv(path: Path) -> Iterable[tuple[int, Mapping[str, object]]]:
    return read_csv_rows(path, *REQUIRED)[1]


def _to_json(rows: Sequence[Mapping[str, Value]]) -> bytes:
    record = {"format": FORMAT, "version": VERSION, "columns": COLUMN_NAMES, "sightings": rows}
    text = json.dumps(record, ensure_ascii=False, indent=1, allow_nan=False)
    # What is not UTF-8 in a file name is a lone surrogate, which JSON has an escape for: \udcff.
    return text.encode("utf-8", errors="backslashreplace")


def _from_json(path: Path) -> Iterable[tuple[int, Mapping[str, object]]]:
    try:
        record = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"'{path}' is no JSON ({error}).") from error
    if not isinstance(record, dict) or (record.get("format"), record.get("version")) != (
        FORMAT,
        VERSION,
    ):
        raise ValueError(
            f"'{path}' holds no sightings that this version reads. Expected an object with format = "
            f"{FORMAT!r} and version = {VERSION}, as write_sightings makes it."
        )
    rows = record.get("sightings")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"'{path}' is damaged: sightings must be a list of objects.")
    return enumerate(rows, start=1)


def _to_parquet(rows: Sequence[Mapping[str, Value]]) -> bytes:
    import pyarrow  # only where a Parquet file is written or read
    from pyarrow import parquet

    types = {"text": pyarrow.string(), "whole number": pyarrow.int64(), "number": pyarrow.float64()}
    schema = pyarrow.schema([(column.name, types[column.kind]) for column in COLUMNS])
    try:
        table = pyarrow.Table.from_pylist(rows, schema=schema)
    except UnicodeEncodeError as error:
        raise ValueError(
            f"A text is not Unicode and Parquet cannot hold it: {error.object!r}. Rename the file, or write "
            ".csv or .json."
        ) from error
    content = pyarrow.BufferOutputStream()
    parquet.write_table(table, content)
    return content.getvalue().to_pybytes()


def _from_parquet(path: Path) -> Iterable[tuple[int, Mapping[str, object]]]:
    import pyarrow  # only where a Parquet file is written or read
    from pyarrow import parquet

    try:
        table = parquet.read_table(pyarrow.BufferReader(path.read_bytes()))
    except pyarrow.ArrowException as error:
        raise ValueError(f"'{path}' is no Parquet file, or damaged ({error}).") from error
    return enumerate(table.to_pylist(), start=1)
