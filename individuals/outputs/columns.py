"""The columns of the table of sightings: one list that CSV, Parquet and JSON share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from individuals.sighting import Sighting

Value = str | int | float | None
MAX_LISTED = 10


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: with its unit.
        kind: "text", "whole" or "number".
        meaning: for the docs.
        is_required: whether a table without it cannot be read.
    """

    name: str
    kind: Literal["text", "whole", "number"]
    meaning: str
    is_required: bool = False


BOX_COLUMNS = ("box_left_px", "box_top_px", "box_right_px", "box_bottom_px")
COLUMNS = (
    Column("individual", "text", "who: the number of a count, or a catalogue's id", True),
    Column("name", "text", "what people call it"),
    Column("species", "text", "species or class"),
    Column("media", "text", "path of the video, photo or recording, as it was given", True),
    Column("modality", "text", "`image` seen, `audio` heard, `fused` both"),
    Column("start_seconds", "number", "start of the sighting, from the start of the media", True),
    Column("end_seconds", "number", "its end", True),
    Column("captured_at", "text", "start of the media, ISO 8601"),
    Column("frame_index", "whole", "frame that the box is in, from 0"),
    Column("box_left_px", "number", "left side of the box, pixels from the left"),
    Column("box_top_px", "number", "upper side, pixels from the top"),
    Column("box_right_px", "number", "right side"),
    Column("box_bottom_px", "number", "lower side"),
    Column("frame_width_px", "whole", "width of the frame"),
    Column("frame_height_px", "whole", "height of the frame"),
    Column("low_frequency_hz", "number", "lower edge of a call"),
    Column("high_frequency_hz", "number", "upper edge of a call"),
    Column("tracklet", "whole", "number of the tracklet in its media"),
    Column("similarity", "number", "cosine to the individual's other sightings"),
    Column("probability", "number", "that the individual is right, in [0, 1]"),
    Column("quality", "number", "of what was seen, in [0, 1]"),
    Column("occasion", "text", "sampling occasion"),
    Column("deployment", "text", "camera or recorder at a place for a time"),
    Column("place", "text", "where"),
    Column("decided_by", "text", "`automatic`, or the person who said who it is"),
)
COLUMN_NAMES = tuple(column.name for column in COLUMNS)
_ATTRIBUTES = [column for column in COLUMNS if column.name not in (*BOX_COLUMNS, "captured_at")]


def sighting_to_row(sighting: Sighting) -> dict[str, Value]:
    """One value for each column, in the columns' order; None where something is not known."""
    row: dict[str, Value] = dict.fromkeys(COLUMN_NAMES)
    row |= {column.name: getattr(sighting, column.name) for column in _ATTRIBUTES}
    if sighting.captured_at is not None:
        row["captured_at"] = sighting.captured_at.isoformat()
    if sighting.box is not None:
        row |= dict(zip(BOX_COLUMNS, sighting.box, strict=True))
    return row


def rows_to_sightings(
    rows: Sequence[Mapping[str, object]], names: Sequence[str], source: str
) -> list[Sighting]:
    """Sightings of a table's rows, from text or from values.

    Columns that are not ours are ignored; ours that are missing are not known.

    Args:
        rows: by column name.
        names: the table's columns.
        source: of the table, for messages.
    Raises:
        ValueError: required columns are missing, or rows cannot be read; all of them in one message.
    """
    missing = [column.name for column in COLUMNS if column.is_required and column.name not in names]
    if missing:
        raise ValueError(
            f"{source} has no column {', '.join(missing)}. A table of sightings needs individual, media, "
            f"start_seconds and end_seconds; it has {', '.join(map(repr, names)) or 'none'}."
        )
    sightings, problems = [], []
    for number, row in enumerate(rows, start=1):
        try:
            sightings.append(_row_to_sighting(row))
        except ValueError as error:
            problems.append(f"  row {number}: {error}")
    if problems:
        more = [f"  and {len(problems) - MAX_LISTED} more"] if len(problems) > MAX_LISTED else []
        raise ValueError(
            "\n".join([f"{source} has rows that are no sightings:", *problems[:MAX_LISTED], *more])
        )
    return sightings


def _row_to_sighting(row: Mapping[str, object]) -> Sighting:
    values = dict(_values(row))
    box = [values.pop(name, None) for name in BOX_COLUMNS]
    if any(side is None for side in box) and any(side is not None for side in box):
        raise ValueError(f"a box needs all of {', '.join(BOX_COLUMNS)}")
    missing = [c.name for c in COLUMNS if c.is_required and values.get(c.name) is None]
    if missing:
        raise ValueError(f"{', '.join(missing)} must not be empty")
    captured_at = values.pop("captured_at", None)
    known = {name: value for name, value in values.items() if value is not None}
    return Sighting(
        **known,  # type: ignore[arg-type]  # each column has its attribute's type
        box=None if box[0] is None else tuple(box),  # type: ignore[arg-type]
        captured_at=None if captured_at is None else _moment(str(captured_at)),
    )


def _values(row: Mapping[str, object]) -> Iterator[tuple[str, Value]]:
    for column in COLUMNS:
        raw = row.get(column.name)
        if raw is None or raw == "":
            yield column.name, None
            continue
        try:
            yield column.name, _convert(raw, column.kind)
        except (TypeError, ValueError, OverflowError):
            expected = {"text": "text", "whole": "a whole number", "number": "a number"}
            raise ValueError(f"{column.name} must be {expected[column.kind]}, is {raw!r}") from None


def _convert(raw: object, kind: str) -> Value:
    if kind == "text":
        return str(raw)
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise TypeError
    if kind == "number":
        return float(raw)
    if isinstance(raw, int):
        return raw
    try:
        return int(raw) if isinstance(raw, str) else _whole(raw)
    except ValueError:
        return _whole(float(raw))


def _whole(number: float) -> int:
    """A spreadsheet or data frame may have made 12.0 of 12."""
    if not number.is_integer():
        raise ValueError
    return int(number)


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"captured_at must be such as 2026-05-01T06:30:00+02:00, is {text!r}"
        ) from None
