"""Calls and who gave them, as selection tables of Raven and label tracks of Audacity, and back."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path, PurePath

from individuals.outputs.media_details import distinct_file_names
from individuals.sighting import Sighting
from media.atomic import write_text_atomically
from media.wording import some_names, some_problems

BEGIN, END, OFFSET = "Begin Time (s)", "End Time (s)", "File Offset (s)"
LOW, HIGH = "Low Freq (Hz)", "High Freq (Hz)"
RAVEN_COLUMNS = (
    *("Selection", "View", "Channel", BEGIN, END, LOW, HIGH, "Begin File", "Begin Path", OFFSET),
    *("Individual", "Name", "Species", "Probability"),
)
RAVEN_SUFFIX, AUDACITY_SUFFIX = ".Table.1.selections.txt", ".labels.txt"
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
    lines: list[Sequence[str]] = [RAVEN_COLUMNS]
    for number, sighting in enumerate(every, start=1):
        begin, end = _exact(sighting.start_seconds), _exact(sighting.end_seconds)
        start, sure = starts[sighting.media], sighting.probability
        low = BAND_HZ[0] if sighting.low_frequency_hz is None else sighting.low_frequency_hz
        high = sighting.high_frequency_hz
        high = max(BAND_HZ[1], low) if high is None else high
        numbers = (start + begin, start + end, _exact(low), _exact(high))
        who = (sighting.individual, sighting.name, sighting.species)
        lines.append(
            (
                *(str(number), "Spectrogram 1", "1", *map(_plain_number, numbers)),
                *(PurePath(sighting.media).name, sighting.media, _plain_number(begin)),
                *(*map(_plain_text, who), "" if sure is None else _plain_number(sure)),
            )
        )
    return _write_lines(path, lines)


def write_raven_tables(folder: str | Path, sightings: Iterable[Sighting]) -> dict[str, Path]:
    """Writes one selection table for each recording into a folder.

    Returns:
        The table of each recording; recordings of equal names in different folders get different tables.
    """
    return _write_each(folder, sightings, RAVEN_SUFFIX, write_raven_table)


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
    header, *lines = (line.split("\t") for line in _read_lines(path))
    missing = [name for name in (BEGIN, END, individual_column) if name not in header]
    if media is None and not {"Begin Path", "Begin File"} & set(header):
        missing.append("Begin Path or Begin File (or pass media=)")
    if missing:
        raise ValueError(
            f"'{path}' has no column {', '.join(missing)}. It has {', '.join(map(repr, header))}."
        )
    sightings, problems, selections = [], [], set()
    for number, cells in enumerate(lines, start=2):
        row = {name: cell for name, cell in zip(header, cells, strict=False) if cell}
        selection = row.get("Selection")
        if individual_column not in row or (selection and selection in selections):
            continue
        selections.add(selection)
        try:
            sightings.append(_selection(row, media, individual_column))
        except ValueError as error:
            problems.append(f"line {number}: {error}")
    if problems:
        raise ValueError(f"'{path}' cannot be read: {some_problems(problems)}.")
    return sightings


def write_audacity_labels(path: str | Path, sightings: Iterable[Sighting]) -> Path:
    r"""Writes the labels of one recording: start, end and who it is, and frequencies where known.

    The label is the individual; where none is known, the species.

    Audacity takes it by File > Import > Labels. Without sightings the file is empty, for label tracks have
    no header.

    Args:
        path: of the file.
        sightings: of one recording; all become labels, in the order of time.
    Raises:
        ValueError: the sightings are of several recordings.
    Reference:
        https://manual.audacityteam.org/man/importing_and_exporting_labels.html
    """
    every = sorted(sightings, key=lambda s: (s.start_seconds, s.end_seconds))
    media = list(dict.fromkeys(sighting.media for sighting in every))
    if len(media) > 1:
        raise ValueError(
            f"A label track belongs to one recording, received sightings of {some_names(media)}. Write one "
            "for each: write_audacity_tracks."
        )
    lines: list[Sequence[str]] = []
    for sighting in every:
        times = _plain_number(sighting.start_seconds), _plain_number(sighting.end_seconds)
        lines.append((*times, _plain_text(sighting.individual or sighting.species)))
        edges = sighting.low_frequency_hz, sighting.high_frequency_hz
        if edges != (None, None):
            lines.append(("\\", *("-1" if edge is None else _plain_number(edge) for edge in edges)))
    return _write_lines(path, lines)


def write_audacity_tracks(folder: str | Path, sightings: Iterable[Sighting]) -> dict[str, Path]:
    """Writes one file of labels for each recording into a folder, as `write_raven_tables` does."""
    return _write_each(folder, sightings, AUDACITY_SUFFIX, write_audacity_labels)


def read_audacity_labels(path: str | Path, *, media: str) -> list[Sighting]:
    """The labels of a recording as sightings: each label is the individual's name.

    Args:
        path: what Audacity exported.
        media: path of the recording, which the labels do not say.
    Returns:
        A sighting for each label that is not empty, heard.
    Raises:
        FileNotFoundError: there is no such file.
        ValueError: lines cannot be read; all of them in one message.
    """
    found: list[Sighting] = []
    problems = []
    for number, line in enumerate(_read_lines(path), start=1):
        cells = line.split("\t", 2)
        try:
            if cells[0] == "\\":  # frequencies of the label before; -1 where not known
                low, high = (float(cell) if float(cell) >= 0 else None for cell in cells[1:])
                found[-1] = replace(found[-1], low_frequency_hz=low, high_frequency_hz=high)
            elif line:
                start, end = float(cells[0]), float(cells[1])
                found.append(
                    Sighting(
                        individual="".join(cells[2:]),
                        media=media,
                        start_seconds=start,
                        end_seconds=end,
                        modality="audio",
                    )
                )
        except (ValueError, IndexError):
            problems.append(f"line {number} is no label: {line!r}")
    if problems:
        raise ValueError(f"'{path}' cannot be read: {some_problems(problems)}.")
    return [sighting for sighting in found if sighting.individual]


def _starts(media: list[str], durations: Mapping[str, float] | None) -> dict[str, Decimal]:
    """When each recording starts in the sequence."""
    if unwritable := [path for path in media if _plain_text(path) != path]:
        raise ValueError(
            f"Raven cannot hold paths with tabs or line breaks: {some_names(unwritable)}."
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
        start += _exact(duration)
    return starts


def _selection(row: Mapping[str, str], media: str | None, individual_column: str) -> Sighting:
    begin, end = (_decimal(row.get(name, "")) for name in (BEGIN, END))
    offset = _decimal(row[OFFSET]) if OFFSET in row else begin
    return Sighting(
        individual=row[individual_column],
        media=media or row.get("Begin Path") or row.get("Begin File") or "",
        start_seconds=float(offset),
        end_seconds=float(offset + (end - begin)),
        modality="audio",
        name=row.get("Name"),
        species=row.get("Species") if individual_column != "Species" else None,
        low_frequency_hz=row.get(LOW),  # type: ignore[arg-type] # a sighting converts its numbers
        high_frequency_hz=row.get(HIGH),  # type: ignore[arg-type]
        probability=row.get("Probability"),  # type: ignore[arg-type]
    )


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is no number") from None


def _exact(value: float) -> Decimal:
    """The number that people write for a float: sums of such numbers have no rounding errors."""
    return Decimal(repr(float(value)))


def _plain_number(value: float | Decimal) -> str:
    """With all digits and no exponent, which these programs may not read."""
    return format(value if isinstance(value, Decimal) else _exact(value), "f")


def _plain_text(value: str | None) -> str:
    """On one line without tabs, which these files cannot quote; each run of them becomes a blank."""
    return re.sub(r"[\t\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+", " ", value or "")


def _write_lines(path: str | Path, lines: Iterable[Sequence[str]]) -> Path:
    return write_text_atomically(path, "".join("\t".join(line) + "\n" for line in lines))


def _read_lines(path: str | Path) -> list[str]:
    """The lines of a text file, whichever way they end, without a byte order mark."""
    text = Path(path).read_bytes().decode("utf-8-sig", errors="surrogateescape")
    return re.split(r"\r\n|\n|\r", text)


def _write_each(
    folder: str | Path,
    sightings: Iterable[Sighting],
    suffix: str,
    write: Callable[[Path, list[Sighting]], Path],
) -> dict[str, Path]:
    of_media: dict[str, list[Sighting]] = {}
    for sighting in sightings:
        of_media.setdefault(sighting.media, []).append(sighting)
    names = distinct_file_names(of_media, suffix)
    return {media: write(Path(folder) / names[media], found) for media, found in of_media.items()}
