"""Capture histories as files: CSV, the input of program MARK, and captures for the R package secr."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from individuals.outputs.capture_history import CaptureHistory, natural_order
from individuals.outputs.media_details import distinct
from individuals.sighting import Sighting
from media.atomic import write_text_atomically
from media.cells import csv_text, read_csv_rows
from media.wording import some_names


def write_capture_history(path: str | Path, history: CaptureHistory) -> Path:
    """Writes a CSV file: a row for each individual, a column of 0 and 1 for each occasion.

    R reads it by `read.csv(path, check.names = FALSE, row.names = 1)`.
    """
    rows = (
        [individual, *row]
        for individual, row in zip(history.individuals, history.matrix.tolist(), strict=True)
    )
    return write_text_atomically(path, csv_text(["individual", *history.occasions], rows))


def read_capture_history(path: str | Path) -> CaptureHistory:
    """The capture history that `write_capture_history` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no capture history.
    """
    header, numbered = read_csv_rows(path, "individual")
    rows = [row for _, row in numbered]
    met = [[row.get(occasion) for occasion in header[1:]] for row in rows]
    if header[0] != "individual" or not {cell for cells in met for cell in cells} <= {"0", "1"}:
        raise ValueError(
            f"'{path}' is no capture history. Expected the column individual, then one of 0 and 1 for each "
            f"occasion; received the columns {some_names(header)}."
        )
    matrix = np.array(met, dtype=str).reshape(len(rows), len(header) - 1) == "1"
    return CaptureHistory(tuple(row["individual"] for row in rows), tuple(header[1:]), matrix)


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
    names = distinct(re.sub(r"/\*|\*/|[;\s]+", "_", name) for name in history.individuals)
    told = zip(names, history.histories.values(), strict=True)
    return write_text_atomically(path, "".join(f"/* {name} */ {met} 1;\r\n" for name, met in told))


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
    noccasions = ...)`. One individual at one detector on one occasion is one line. Blanks, commas and
    underscores in names become hyphens.

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
    if lacking := sorted(
        {s.media for s in every if not _detector(s) or s.occasion not in occasion_numbers}
    ):
        raise ValueError(
            "Captures need a place or deployment, and an occasion that has a number, of each sighting; not "
            f"so in {some_names(lacking)}."
        )
    individuals = _identifiers({s.individual for s in every})
    detectors = _identifiers(set(map(_detector, every)))
    captures = {(s.individual, occasion_numbers[s.occasion or ""], _detector(s)) for s in every}

    def order(capture: tuple[str, int, str]) -> tuple:
        return natural_order(capture[0]), capture[1], natural_order(capture[2])

    text = "".join(
        f"{_identifier(session)} {individuals[who]} {occasion} {detectors[where]}\n"
        for who, occasion, where in sorted(captures, key=order)
    )
    return write_text_atomically(path, "# Session ID Occasion Detector\n" + text)


def _detector(sighting: Sighting) -> str:
    return sighting.place or sighting.deployment or ""


def _identifiers(names: set[str]) -> dict[str, str]:
    """Each name in natural order, as secr takes it; still distinct."""
    ordered = sorted(names, key=natural_order)
    return dict(zip(ordered, distinct(map(_identifier, ordered)), strict=True))


def _identifier(name: str) -> str:
    return re.sub(r"[\s,_#\"']+", "-", name)
