"""The sightings of a count as a table: in CSV, Parquet and JSON, and back; the same columns in all three."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from individuals.outputs.media_details import MediaDetails
from individuals.sighting import Sighting
from media.atomic import write_atomically
from media.cells import csv_text, read_csv_rows
from media.wording import some_problems

if TYPE_CHECKING:
    from individuals.count import VideoCount

FORMAT, VERSION = "fused-encoder sightings", 1
Value = str | int | float | None
Grain = Literal["tracklet", "detection"]

BOX_COLUMNS = ("box_left_px", "box_top_px", "box_right_px", "box_bottom_px")
REQUIRED = ("individual", "media", "start_seconds", "end_seconds")
COLUMNS = (
    *("individual", "name", "species", "media", "modality", "start_seconds", "end_seconds"),
    *("captured_at", "frame_index", *BOX_COLUMNS, "frame_width_px", "frame_height_px"),
    *("low_frequency_hz", "high_frequency_hz", "tracklet", "similarity", "probability", "quality"),
    *("occasion", "deployment", "place", "decided_by", "key"),
)


def identified_sightings(
    counted: VideoCount,
    *,
    each: Grain = "tracklet",
    details: Mapping[str, MediaDetails] | None = None,
    names: Mapping[str, str] | None = None,
    frame_sizes: Mapping[str, tuple[int, int]] | None = None,
) -> list[Sighting]:
    """Who was seen in the videos of a count, when and where, in the order of the videos and of time.

    Args:
        counted: from `count_individuals`.
        each: "tracklet" gives one sighting from the first to the last detection of the animal, with the box
            of the best that was embedded; of one that was heard too, only from the first to the last that
            was embedded, as far as its sound was listened to. "detection" gives one sighting for each.
        details: what is known of the videos, by their paths as they were counted; see `read_media_details`.
        names: what to call individuals, by their numbers as text ("0", "1", ...).
        frame_sizes: (width, height) in pixels of each video, by path; outputs that scale boxes need it.
    Returns:
        Sightings; `similarity` is the mean cosine to the individual's other tracklets, None if it has
        only one.
    Raises:
        ValueError: each is unknown.
    """
    if each not in ("tracklet", "detection"):
        raise ValueError(f"each must be 'tracklet' or 'detection', received {each!r}.")
    table, labels = counted.table, counted.count.labels
    embeddings = np.asarray(table.embeddings, np.float64)
    found = []
    for group in table.tracklet_groups():
        individual = str(labels[group[0]])
        similarity = _similarity(embeddings, labels == labels[group[0]], group)
        for rows in [group] if each == "tracklet" else [[row] for row in group]:
            sighting = _of_rows([table.sightings[row] for row in rows], each)
            width, height = (frame_sizes or {}).get(sighting.media, (None, None))
            sighting = replace(
                sighting,
                individual=individual,
                name=(names or {}).get(individual),
                similarity=similarity,
                frame_width_px=width,
                frame_height_px=height,
                **asdict((details or {}).get(sighting.media, MediaDetails())),
            )
            found.append(sighting)
    order = {video: number for number, video in enumerate(counted.per_video)}
    return sorted(found, key=lambda s: (order[s.media], s.start_seconds, s.end_seconds))


def write_sightings(path: str | Path, sightings: Sequence[Sighting]) -> Path:
    """Writes a table with one row per sighting; its columns are `individuals.outputs.COLUMNS`.

    Without sightings, the table has its columns and no rows.

    Args:
        path: ends in .csv, .parquet or .json.
        sightings: in the order of the rows.
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


def _of_rows(seen: list[Sighting], each: Grain) -> Sighting:
    """The best of these, from when to when all of them were seen."""
    best = max(seen, key=lambda s: (s.quality or 0.0, s.score or 0.0))
    modalities = {s.modality for s in seen}
    times = [s.time_seconds or 0.0 for s in seen]
    if each == "tracklet" and modalities == {"image"}:
        times = [time for s in seen for time in (s.start_seconds, s.end_seconds)]
    return replace(
        best,
        time_seconds=None,  # only what the written tables have columns for
        seen_with=(),
        score=None,
        crop=None,
        modality=best.modality if len(modalities) == 1 else "fused",
        start_seconds=min(times),
        end_seconds=max(times),
    )


def _similarity(embeddings: np.ndarray, is_same: np.ndarray, rows: list[int]) -> float | None:
    """The mean cosine of these rows to the other rows of their individual."""
    others = is_same.copy()
    others[rows] = False
    if not others.any():
        return None
    mean = embeddings[rows].mean(axis=0) @ embeddings[others].mean(axis=0)
    return float(np.clip(mean, -1, 1))


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
