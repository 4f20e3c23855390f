"""Raven selection tables: calls and who gave them, for the sound analysis program Raven, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path, PurePath

from individuals.outputs.call_lines import (
    exact,
    plain_number,
    plain_text,
    read_tab_lines,
    write_one_per_recording,
    write_tab_lines,
)
from individuals.sighting import Sighting
from media.wording import some_names, some_problems

BEGIN, END, OFFSET = "Begin Time (s)", "End Time (s)", "File Offset (s)"
LOW, HIGH = "Low Freq (Hz)", "High Freq (Hz)"
RAVEN_COLUMNS = (
    *("Selection", "View", "Channel", BEGIN, END, LOW, HIGH, "Begin File", "Begin Path", OFFSET),
    *("Individual", "Name", "Species", "Probability"),
)
SUFFIX = ".Table.1.selections.txt"
BAND_HZ = (0.0, 8000.0)


def write_raven_table(
    path: str | Path,
    sightings: Iterable[Sighting],
    *,
    durations_seconds: Mapping[str, float] | None = None,
) -> Path:
    """Writes a selection table of one recording, or of several that Raven opens as a sequence.

    Args:
        path: Raven expects names such as monday.Table.1.selections.txt.
        sightings: all become selections, in the order of recording and time; edges of their bands that are
            not known become 0 and 8000 Hz.
        durations_seconds: of every recording, in the order of the sequence; needed for several recordings,
            because Raven's Begin Time counts from the start of the first.
    Returns:
        The path.
    Raises:
        ValueError: several recordings without their durations, or a path with a tab or line break, which a
            selection table cannot hold.

    Reference:
        Raven Pro user's guide, https://www.ravensoundsoftware.com
    """
    every = list(sightings)
    starts = _starts(list(dict.fromkeys(s.media for s in every)), durations_seconds)
    order = {media: number for number, media in enumerate(starts)}
    every.sort(key=lambda s: (order[s.media], s.start_seconds, s.end_seconds))
    lines: list[tuple[str, ...]] = [RAVEN_COLUMNS]
    for number, sighting in enumerate(every, start=1):
        start = starts[sighting.media]
        lines.append(
            (
                str(number),
                "Spectrogram 1",
                "1",
                plain_number(start + exact(sighting.start_seconds)),
                plain_number(start + exact(sighting.end_seconds)),
                *map(plain_number, _edges(sighting)),
                PurePath(sighting.media).name,
                sighting.media,
                plain_number(sighting.start_seconds),
                plain_text(sighting.individual),
                plain_text(sighting.name),
                plain_text(sighting.species),
                "" if sighting.probability is None else plain_number(sighting.probability),
            )
        )
    return write_tab_lines(path, lines)


def write_raven_tables(folder: str | Path, sightings: Iterable[Sighting]) -> dict[str, Path]:
    """Writes one selection table for each recording into a folder.

    Returns:
        The table of each recording; recordings of equal names in different folders get different tables.
    """
    return write_one_per_recording(folder, sightings, SUFFIX, write_raven_table)


def read_raven_table(
    path: str | Path, *, media: str | None = None, individual_column: str = "Individual"
) -> list[Sighting]:
    """The selections of a table from Raven as sightings.

    Args:
        path: of the table.
        media: path of the recording. Default: what the table's Begin Path, else its Begin File says.
        individual_column: the column that says who it is; people often use Annotation or Species.
    Returns:
        A sighting for each selection that says who it is, heard by ear; selections without a name are left
        out, and so is the second view of a selection.
    Raises:
        FileNotFoundError: there is no such file.
        ValueError: columns are missing or lines cannot be read; all of them in one message.
    """
    lines = read_tab_lines(path)
    header = lines[0].split("\t")
    missing = [name for name in (BEGIN, END, individual_column) if name not in header]
    if media is None and not {"Begin Path", "Begin File"} & set(header):
        missing.append("Begin Path or Begin File (or pass media=)")
    if missing:
        raise ValueError(
            f"'{path}' has no column {', '.join(missing)}. It has {', '.join(map(repr, header))}."
        )
    sightings, problems, selections = [], [], set()
    for number, line in enumerate(lines[1:], start=2):
        row = {name: cell for name, cell in zip(header, line.split("\t"), strict=False) if cell}
        selection = row.get("Selection")
        if individual_column not in row or (selection and selection in selections):
            continue
        try:
            sightings.append(_selection(row, media, individual_column))
        except ValueError as error:
            problems.append(f"line {number}: {error}")
        selections.add(selection)
    if problems:
        raise ValueError(f"'{path}' cannot be read: {some_problems(problems)}.")
    return sightings


def _selection(row: Mapping[str, str], media: str | None, individual_column: str) -> Sighting:
    begin, end = (_decimal(row.get(name, "")) for name in (BEGIN, END))
    offset = _decimal(row[OFFSET]) if OFFSET in row else begin
    low, high, probability = (
        float(row[name]) if name in row else None for name in (LOW, HIGH, "Probability")
    )
    return Sighting(
        individual=row[individual_column],
        media=media or row.get("Begin Path") or row.get("Begin File") or "",
        start_seconds=float(offset),
        end_seconds=float(offset + (end - begin)),
        modality="audio",
        name=row.get("Name"),
        species=row.get("Species") if individual_column != "Species" else None,
        low_frequency_hz=low,
        high_frequency_hz=high,
        probability=probability,
    )


def _edges(sighting: Sighting) -> tuple[float, float]:
    low, high = sighting.low_frequency_hz, sighting.high_frequency_hz
    low = BAND_HZ[0] if low is None else low
    return low, max(BAND_HZ[1], low) if high is None else high


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is no number") from None


def _starts(media: list[str], durations: Mapping[str, float] | None) -> dict[str, Decimal]:
    """When each recording starts in the sequence."""
    if unwritable := [path for path in media if plain_text(path) != path]:
        raise ValueError(
            f"A selection table cannot hold paths with tabs or line breaks: "
            f"{some_names(unwritable)}. Rename the files."
        )
    if len(media) <= 1 and durations is None:
        return dict.fromkeys(media, Decimal(0))
    if unknown := [path for path in media if path not in (durations or {})]:
        raise ValueError(
            "A table of several recordings needs durations_seconds of each, not known of "
            f"{some_names(unknown)}. Or write one table for each recording: write_raven_tables."
        )
    starts, start = {}, Decimal(0)
    for path, duration in (durations or {}).items():
        starts[path] = start
        start += exact(duration)
    return starts
