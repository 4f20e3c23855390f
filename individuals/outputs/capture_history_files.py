"""Capture histories as files: CSV, the input of program MARK, and captures for the R package secr."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from individuals.outputs.capture_history import CaptureHistory, natural_order
from individuals.sighting import Sighting
from media.atomic import write_text_atomically
from media.cells import csv_text, read_csv_rows


def write_capture_history(path: str | Path, history: CaptureHistory) -> Path:
    """Writes a CSV file: a row for each individual, a column of 0 and 1 for each occasion.

    R reads it by `read.csv(path, check.names = FALSE, row.names = 1)`.
    """
    rows = (
        [individual, *map(int, row)]
        for individual, row in zip(history.individuals, history.matrix, strict=True)
    )
    return write_text_atomically(path, csv_text(["individual", *history.occasions], rows))


def read_capture_history(path: str | Path) -> CaptureHistory:
    """The capture history that `write_capture_history` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no capture history.
    """
    header, rows = read_csv_rows(path, "individual")
    if header[0] != "individual":
        raise ValueError(
            f"'{path}' is no capture history. Expected the column individual, then one for each occasion; "
            f"received {', '.join(map(repr, header))}."
        )
    wrong = [row["individual"] for row in rows if not {*list(row.values())[1:]} <= {"0", "1"}]
    wrong += [row["individual"] for row in rows if len(row) < len(header)]
    if wrong:
        raise ValueError(
            f"'{path}' must hold 0 or 1 for every individual and occasion; look at the rows of individuals "
            f"{', '.join(map(repr, dict.fromkeys(wrong)))}."
        )
    matrix = [[int(row[occasion]) for occasion in header[1:]] for row in rows]
    return CaptureHistory(
        tuple(row["individual"] for row in rows),
        tuple(header[1:]),
        np.array(matrix, np.uint8).reshape(len(rows), len(header) - 1),
    )


def write_mark_inp(path: str | Path, history: CaptureHistory) -> Path:
    """Writes the encounter histories for program MARK: a line such as `/* 7 */ 0110 1;` per individual.

    The comment names the individual; RMark takes it as row name (`convert.inp(path, use.comments = TRUE)`).
    Letters that would end the comment or the line (`*/`, `;`, line breaks) are written as `_`.

    Raises:
        ValueError: there is no occasion.

    Reference:
        Cooch and White (eds.), "Program MARK: a gentle introduction", chapter 2,
        http://www.phidot.org/software/mark/docs/book/
    """
    if not history.occasions:
        raise ValueError("Program MARK needs at least one occasion, the capture history has none.")
    names = _distinct(re.sub(r"/\*|\*/|[;\s]+", "_", name) for name in history.individuals)
    lines = [
        f"/* {n} */ {h} 1;\r\n" for n, h in zip(names, history.histories.values(), strict=True)
    ]
    return write_text_atomically(path, "".join(lines))


def write_secr_captures(
    path: str | Path,
    sightings: Iterable[Sighting],
    *,
    occasion_numbers: Mapping[str, int],
    session: str = "1",
) -> Path:
    """Writes captures for the R package secr: session, individual, number of the occasion, detector.

    The detector is each sighting's place, else its deployment. secr reads the file together with the
    positions of the detectors: `read.capthist(captures, detectors, detector = "proximity",
    noccasions = ...)`. One individual at one detector on one occasion is one line.

    Args:
        path: of the file.
        sightings: with occasions.
        occasion_numbers: from an occasion to its number, 1 for the first.
        session: name of the session.
    Raises:
        ValueError: sightings without an occasion that has a number, or without place and deployment.

    Reference:
        Efford, "Data input for secr", https://cran.r-project.org/package=secr/vignettes/secr-datainput.pdf
    """
    every = list(sightings)
    homeless = sorted({s.media for s in every if not (s.place or s.deployment)})
    untimed = sorted({s.media for s in every if s.occasion not in occasion_numbers})
    problems = [
        f"no {what}: {', '.join(map(repr, media))}"
        for what, media in (
            ("place or deployment", homeless),
            ("occasion that has a number", untimed),
        )
        if media
    ]
    if problems:
        raise ValueError(f"Captures cannot be written; media with {'; and with '.join(problems)}.")
    individuals = _numbered(s.individual for s in every)
    places = _numbered(s.place or s.deployment or "" for s in every)
    captures = {
        (
            individuals[s.individual],
            occasion_numbers[s.occasion or ""],
            places[s.place or s.deployment or ""],
        )
        for s in every
    }
    individual_ids, place_ids = secr_identifiers([*individuals]), secr_identifiers([*places])
    text = "".join(
        f"{_identifier(session)} {individual_ids[individual]} {occasion} {place_ids[place]}\n"
        for individual, occasion, place in sorted(captures)
    )
    return write_text_atomically(path, "# Session ID Occasion Detector\n" + text)


def _numbered(names: Iterable[str]) -> dict[str, int]:
    """Each name once, with its number in their order."""
    return {name: number for number, name in enumerate(sorted(set(names), key=natural_order))}


def secr_identifiers(names: Sequence[str]) -> list[str]:
    """Names as secr takes them: without blanks, commas and underscores; still distinct."""
    return _distinct(map(_identifier, names))


def _identifier(name: str) -> str:
    return re.sub(r"[\s,_#\"']+", "-", name)


def _distinct(names: Iterable[str]) -> list[str]:
    taken: dict[str, None] = {}
    for name in names:
        number, candidate = 1, name
        while candidate in taken:
            number += 1
            candidate = f"{name}-{number}"
        taken[candidate] = None
    return list(taken)
