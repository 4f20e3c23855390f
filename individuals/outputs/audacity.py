"""Audacity label tracks: who is heard from when to when, as labels under a recording, and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from individuals.outputs.call_lines import (
    plain_number,
    plain_text,
    read_tab_lines,
    write_one_per_recording,
    write_tab_lines,
)
from individuals.sighting import Sighting
from media.wording import some_names, some_problems

SUFFIX = ".labels.txt"


def write_audacity_labels(path: str | Path, sightings: Iterable[Sighting]) -> Path:
    r"""Writes the labels of one recording: start, end and individual, and frequencies where known.

    Audacity takes it by File > Import > Labels. Without sightings the file is empty, for label tracks have
    no header.

    Args:
        path: of the file.
        sightings: of one recording; all become labels, in the order of time.
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
            f"A label track belongs to one recording, received sightings of {some_names(media)}. Write one "
            "for each: write_audacity_tracks."
        )
    lines: list[tuple[str, ...]] = []
    for sighting in every:
        times = plain_number(sighting.start_seconds), plain_number(sighting.end_seconds)
        lines.append((*times, plain_text(sighting.individual)))
        edges = sighting.low_frequency_hz, sighting.high_frequency_hz
        if edges != (None, None):
            lines.append(("\\", *("-1" if edge is None else plain_number(edge) for edge in edges)))
    return write_tab_lines(path, lines)


def write_audacity_tracks(folder: str | Path, sightings: Iterable[Sighting]) -> dict[str, Path]:
    """Writes one file of labels for each recording into a folder.

    Returns:
        The file of each recording; recordings of equal names in different folders get different files.
    """
    return write_one_per_recording(folder, sightings, SUFFIX, write_audacity_labels)


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
    for number, line in enumerate(read_tab_lines(path), start=1):
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
