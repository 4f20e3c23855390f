"""Raven selection tables: calls and who gave them, for the sound analysis program Raven, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path, PurePath

from individuals.outputs.call_lines import (
    exact,
    plain_number,
    plain_text,
    raise_problems,
    read_tab_lines,
    write_one_per_recording,
)
from individuals.sighting import Sighting
from media.atomic import write_text_atomically

RAVEN_COLUMNS = (
    "Selection",
    "View",
    "Channel",
    "Begin Time (s)",
    "End Time (s)",
    "Low Freq (Hz)",
    "High Freq (Hz)",
    "Begin File",
    "Begin Path",
    "File Offset (s)",
    "Individual",
    "Name",
    "Species",
    "Probability",
)
SUFFIX = ".Table.1.selections.txt"
HEARD_HZ = (0.0, 8000.0)


def write_raven_table(
    path: str | Path,
    sightings: Iterable[Sighting],
    *,
    durations_seconds: Mapping[str, float] | None = None,
    band_hz: tuple[float, float] = HEARD_HZ,
) -> Path:
    """Writes a selection table of one recording, or of several that Raven opens as a sequence.

    Args:
        path: Raven expects names such as monday.Table.1.selections.txt.
        sightings: all become selections, in the order of recording and time.
        durations_seconds: of every recording, in the order of the sequence; needed for several recordings,
            because Raven's Begin Time counts from the start of the first.
        band_hz: lower and upper edge of selections of which they are not known. Default: what the encoder
            hears at most, as sound at 16 kHz holds it.
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
    lines = ["\t".join(RAVEN_COLUMNS)]
    for number, sighting in enumerate(every, start=1):
        start = starts[sighting.media]
        low, high = _edges(sighting, band_hz)
        cells = (
            str(number),
            "Spectrogram 1",
            "1",
            plain_number(start + exact(sighting.start_seconds)),
            plain_number(start + exact(sighting.end_seconds)),
            plain_number(low),
            plain_number(high),
            PurePath(sighting.media).name,
            sighting.media,
            plain_number(sighting.start_seconds),
            plain_text(sighting.individual),
            plain_text(sighting.name),
            plain_text(sighting.species),
            "" if sighting.probability is None else plain_number(sighting.probability),
        )
        lines.append("\t".join(cells))
    return write_text_atomically(path, "\n".join(lines) + "\n")


def write_raven_tables(
    folder: str | Path,
    sightings: Iterable[Sighting],
    *,
    all_media: Iterable[str] = (),
    band_hz: tuple[float, float] = HEARD_HZ,
) -> dict[str, Path]:
    """Writes one selection table for each recording into a folder.

    Args:
        folder: made if it is not there.
        sightings: of any recordings.
        all_media: recordings that get a table even if nothing was heard in them.
        band_hz: as in `write_raven_table`.
    Returns:
        The table of each recording; recordings of equal names in different folders get different tables.
    """
    write = partial(write_raven_table, band_hz=band_hz)
    return write_one_per_recording(folder, sightings, SUFFIX, write, all_media)


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
    needed = ["Begin Time (s)", "End Time (s)", individual_column]
    missing = [name for name in needed if name not in header]
    if media is None and not {"Begin Path", "Begin File"} & set(header):
        missing.append("Begin Path or Begin File (or pass media=)")
    if missing:
        raise ValueError(
            f"'{path}' has no column {', '.join(missing)}. It has {', '.join(map(repr, header))}."
        )
    sightings, problems, selections = [], [], set()
    for number, line in enumerate(lines[1:], start=2):
        row = dict(zip(header, line.split("\t"), strict=False))
        selection = row.get("Selection")
        if not row.get(individual_column) or (selection and selection in selections):
            continue
        try:
            sightings.append(_selection(row, media, individual_column))
        except ValueError as error:
            problems.append(f"line {number}: {error}")
        selections.add(selection)
    raise_problems(path, problems)
    return sightings


def _selection(row: Mapping[str, str], media: str | None, individual_column: str) -> Sighting:
    begin, end = (_decimal(row.get(name, "")) for name in ("Begin Time (s)", "End Time (s)"))
    offset = _decimal(row["File Offset (s)"]) if row.get("File Offset (s)") else begin
    texts = {
        name: row.get(name) or None for name in ("Begin Path", "Begin File", "Name", "Species")
    }
    numbers = {
        name: float(row[name]) if row.get(name) else None
        for name in ("Low Freq (Hz)", "High Freq (Hz)", "Probability")
    }
    return Sighting(
        individual=row[individual_column],
        media=media or texts["Begin Path"] or texts["Begin File"] or "",
        start_seconds=float(offset),
        end_seconds=float(offset + (end - begin)),
        modality="audio",
        name=texts["Name"],
        species=texts["Species"] if individual_column != "Species" else None,
        low_frequency_hz=numbers["Low Freq (Hz)"],
        high_frequency_hz=numbers["High Freq (Hz)"],
        probability=numbers["Probability"],
    )


def _edges(sighting: Sighting, band_hz: tuple[float, float]) -> tuple[float, float]:
    """Of a selection, in Hz; those of the whole band where they are not known."""
    low, high = sighting.low_frequency_hz, sighting.high_frequency_hz
    if low is None:
        low = band_hz[0] if high is None else min(band_hz[0], high)
    return low, max(band_hz[1], low) if high is None else high


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is no number") from None


def _starts(media: list[str], durations: Mapping[str, float] | None) -> dict[str, Decimal]:
    """When each recording starts in the sequence."""
    torn = [path for path in media if plain_text(path) != path]
    if torn:
        raise ValueError(
            f"A selection table cannot hold paths with tabs or line breaks: {', '.join(map(repr, torn))}. "
            "Rename the files."
        )
    if len(media) <= 1 and durations is None:
        return dict.fromkeys(media, Decimal(0))
    unknown = [path for path in media if path not in (durations or {})]
    if unknown:
        raise ValueError(
            f"A table of several recordings needs durations_seconds of each, not known of "
            f"{', '.join(map(repr, unknown))}. Or write one table for each recording: write_raven_tables."
        )
    starts, start = {}, Decimal(0)
    for path, duration in (durations or {}).items():
        starts[path] = start
        start += exact(duration)
    return starts
