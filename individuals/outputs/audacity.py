"""Audacity label tracks: who is heard from when to when, as labels under a recording, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from operator import attrgetter
from pathlib import Path

from individuals.outputs.call_lines import (
    plain_number,
    plain_text,
    raise_problems,
    read_tab_lines,
    write_one_per_recording,
)
from individuals.sighting import Sighting
from media.atomic import write_text_atomically

LabelOf = Callable[[Sighting], str]
SUFFIX = ".labels.txt"


def write_audacity_labels(
    path: str | Path,
    sightings: Iterable[Sighting],
    *,
    label_of: LabelOf = attrgetter("individual"),
) -> Path:
    r"""Writes the labels of one recording: start, end and label, with a line of frequencies where known.

    Audacity takes it by File > Import > Labels. Without sightings the file is empty, for label tracks have
    no header.

    Args:
        path: of the file.
        sightings: of one recording; all become labels, in the order of time.
        label_of: what a label says. Default: the individual.
    Returns:
        The path.
    Raises:
        ValueError: the sightings are of several recordings.

    Reference:
        https://manual.audacityteam.org/man/importing_and_exporting_labels.html
    """
    every = sorted(sightings, key=lambda s: (s.start_seconds, s.end_seconds))
    media = list(dict.fromkeys(sighting.media for sighting in every))
    if len(media) > 1:
        raise ValueError(
            "A label track belongs to one recording, received sightings of "
            f"{', '.join(map(repr, media))}. Write one for each: write_audacity_tracks."
        )
    lines = []
    for sighting in every:
        times = plain_number(sighting.start_seconds), plain_number(sighting.end_seconds)
        lines.append("\t".join((*times, plain_text(label_of(sighting)))))
        edges = sighting.low_frequency_hz, sighting.high_frequency_hz
        if edges != (None, None):
            lines.append(
                "\t".join(("\\", *("-1" if e is None else plain_number(e) for e in edges)))
            )
    return write_text_atomically(path, "".join(f"{line}\n" for line in lines))


def write_audacity_tracks(
    folder: str | Path,
    sightings: Iterable[Sighting],
    *,
    all_media: Iterable[str] = (),
    label_of: LabelOf = attrgetter("individual"),
) -> dict[str, Path]:
    """Writes one file of labels for each recording into a folder.

    Args:
        folder: made if it is not there.
        sightings: of any recordings.
        all_media: recordings that get a file even if nothing was heard in them.
        label_of: as in `write_audacity_labels`.
    Returns:
        The file of each recording; recordings of equal names in different folders get different files.
    """
    write = partial(write_audacity_labels, label_of=label_of)
    return write_one_per_recording(folder, sightings, SUFFIX, write, all_media)


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
    found: list[Sighting | None] = []  # None for a label without text
    problems = []
    for number, line in enumerate(read_tab_lines(path), start=1):
        cells = line.split("\t")
        try:
            if cells[0] == "\\":
                found[-1] = _with_frequencies(found[-1], cells)
            elif line:
                found.append(_label(cells, media))
        except (ValueError, IndexError):
            problems.append(f"line {number} is no label: {line!r}")
    raise_problems(path, problems)
    return [sighting for sighting in found if sighting is not None]


def _label(cells: list[str], media: str) -> Sighting | None:
    start, end, text = float(cells[0]), float(cells[1]), "\t".join(cells[2:])
    if not text:
        return None
    return Sighting(
        individual=text, media=media, start_seconds=start, end_seconds=end, modality="audio"
    )


def _with_frequencies(sighting: Sighting | None, cells: list[str]) -> Sighting | None:
    """Audacity writes -1 for an edge that is not known."""
    low, high = (float(cell) if float(cell) >= 0 else None for cell in cells[1:3])
    if sighting is None:
        return None
    return replace(sighting, low_frequency_hz=low, high_frequency_hz=high)
