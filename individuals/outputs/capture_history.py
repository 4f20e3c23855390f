"""Capture histories: who was met on which occasion; as CSV, for program MARK and for the R package secr."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from operator import attrgetter
from pathlib import Path
from typing import Literal

import numpy as np

from individuals.outputs.media_details import distinct
from individuals.sighting import Sighting
from media.atomic import write_text_atomically
from media.cells import read_csv_rows, write_csv
from media.wording import some_names, some_problems

OccasionOf = Callable[[Sighting], str | None]
OccasionName = Literal["occasion", "media", "date"]


@dataclass(frozen=True, eq=False)
class CaptureHistory:
    """Which individual was met on which occasion.

    Attributes:
        individuals: tuple of str, [num_individuals], 2 before 10.
        occasions: tuple of str, [num_occasions], in their order in time.
        matrix: uint8 [num_individuals, num_occasions], 1 if the individual was met on the occasion, else 0.
    """

    individuals: tuple[str, ...]
    occasions: tuple[str, ...]
    matrix: np.ndarray

    def __post_init__(self) -> None:
        matrix = np.asarray(self.matrix)
        expected = (len(self.individuals), len(self.occasions))
        if matrix.shape != expected or not np.isin(matrix, (0, 1)).all():
            raise ValueError(
                f"The matrix of a capture history must hold 0 and 1 and have the shape {expected}, received "
                f"{matrix.shape}."
            )
        for what, values in (("individuals", self.individuals), ("occasions", self.occasions)):
            if repeated := sorted(value for value, times in Counter(values).items() if times > 1):
                raise ValueError(f"The {what} {some_names(repeated)} are there twice.")
        object.__setattr__(self, "matrix", matrix.astype(np.uint8))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CaptureHistory) and (
            (self.histories, self.occasions) == (other.histories, other.occasions)
        )

    @property
    def histories(self) -> dict[str, str]:
        """The history of each individual as people write it, such as "0110"."""
        rows = ("".join(map(str, row)) for row in self.matrix.tolist())
        return dict(zip(self.individuals, rows, strict=True))


def capture_history(
    sightings: Iterable[Sighting],
    *,
    occasion_of: OccasionName | Mapping[str, str] | OccasionOf = "occasion",
    all_occasions: Sequence[str] | None = None,
) -> CaptureHistory:
    """Who was met on which occasion.

    An occasion on which cameras ran and nobody was met is data: give all occasions, so that it becomes a
    column of zeros. Without them, only occasions with sightings are there, and estimates of a population
    come out too low.

    Args:
        sightings: of all occasions.
        occasion_of: what an occasion is. "occasion": what each sighting's occasion says; "media": each video
            or recording; "date": the day of each sighting, by the clock of its media; a mapping from media
            to occasion; or a function such as `every_days` makes.
        all_occasions: every occasion with effort, in their order. None: those of the sightings, sorted.
    Raises:
        ValueError: sightings without an occasion, or with one that is not among all_occasions; they are
            listed.
    Example:
        >>> heard = Sighting(individual="7", media="b.wav", start_seconds=1, end_seconds=2)
        >>> capture_history([heard], occasion_of="media", all_occasions=["a.wav", "b.wav"]).histories
        {'7': '01'}
    """
    find = _find_occasions(occasion_of)
    met, problems = [], []
    for sighting in sightings:
        occasion = find(sighting)
        where = f"individual {sighting.individual} in {sighting.media!r} at {sighting.start_seconds:g} s"
        if occasion is None:
            problems.append(f"{where} has none")
        elif all_occasions is not None and occasion not in all_occasions:
            problems.append(f"{where} has {occasion!r}, which is not among all_occasions")
        else:
            met.append((sighting.individual, occasion))
    if problems:
        raise ValueError(
            f"{len(problems)} sightings have no such occasion as they need: {some_problems(problems)}. Set "
            "what occasion_of looks at (occasion, captured_at or the mapping), or leave them out."
        )
    individuals = sorted({who for who, _ in met}, key=natural_order)
    occasions = all_occasions
    if occasions is None:
        occasions = sorted({occasion for _, occasion in met}, key=natural_order)
    captures = set(met)
    cells = [[(who, occasion) in captures for occasion in occasions] for who in individuals]
    matrix = np.array(cells, np.uint8).reshape(len(individuals), len(occasions))
    return CaptureHistory(tuple(individuals), tuple(occasions), matrix)


def every_days(num_days: int, first: date) -> OccasionOf:
    """Occasions of some days each, named by their first day; pass it to `capture_history`.

    Args:
        num_days: int >= 1, of an occasion.
        first: the first day of the first occasion. What was met before has no occasion.
    """
    if num_days < 1:
        raise ValueError(f"num_days must be at least 1, received {num_days}.")

    def occasion(sighting: Sighting) -> str | None:
        moment = sighting.started_at
        if moment is None or moment.date() < first:
            return None
        number = (moment.date() - first).days // num_days
        return (first + timedelta(days=number * num_days)).isoformat()

    return occasion


def occasion_dates(first: date, last: date, num_days: int = 1) -> list[str]:
    """The names of all occasions of a period, as "date" and `every_days` give them.

    Args:
        first: the first day.
        last: the last day, included.
        num_days: int >= 1, of an occasion.
    Example:
        >>> occasion_dates(date(2026, 5, 1), date(2026, 5, 20), num_days=7)
        ['2026-05-01', '2026-05-08', '2026-05-15']
    """
    days = range(0, (last - first).days + 1, num_days)
    return [(first + timedelta(days=day)).isoformat() for day in days]


def write_capture_history(path: str | Path, history: CaptureHistory) -> Path:
    """Writes a CSV file: a row for each individual, a column of 0 and 1 for each occasion.

    R reads it by `read.csv(path, check.names = FALSE, row.names = 1)`.
    """
    rows = zip(history.individuals, history.matrix.tolist(), strict=True)
    return write_csv(path, ["individual", *history.occasions], ([who, *met] for who, met in rows))


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
    captures = set()
    lacking = set()
    for sighting in sightings:
        detector, occasion = sighting.place or sighting.deployment, sighting.occasion
        if not detector or occasion is None or occasion not in occasion_numbers:
            lacking.add(sighting.media)
        else:
            captures.add((sighting.individual, occasion_numbers[occasion], detector))
    if lacking:
        raise ValueError(
            "Captures need a place or deployment, and an occasion that has a number, of each sighting; not "
            f"so in {some_names(sorted(lacking))}."
        )
    names = _secr_names({who for who, _, _ in captures})
    detectors = _secr_names({where for _, _, where in captures})
    order = {name: natural_order(name) for name in (*names, *detectors)}
    ordered = sorted(captures, key=lambda c: (order[c[0]], c[1], order[c[2]]))
    lines = [
        f"{_secr_name(session)} {names[who]} {occasion} {detectors[where]}\n"
        for who, occasion, where in ordered
    ]
    return write_text_atomically(path, "".join(["# Session ID Occasion Detector\n", *lines]))


def natural_order(text: str) -> tuple[list[tuple[int, str]], str]:
    """Sorts as people do: 2 before 10, wren 2 before wren 10."""
    parts = re.split(r"([0-9]+)", text.casefold())  # text and digits take turns
    parts[1::2] = [part.lstrip("0") for part in parts[1::2]]
    return [(len(part) if number % 2 else 0, part) for number, part in enumerate(parts)], text


def _find_occasions(occasion_of: OccasionName | Mapping[str, str] | OccasionOf) -> OccasionOf:
    if callable(occasion_of):
        return occasion_of
    if isinstance(occasion_of, Mapping):
        by_media = occasion_of
        return lambda sighting: by_media.get(sighting.media)
    if occasion_of == "date":
        return every_days(1, date.min)
    if occasion_of not in ("occasion", "media"):
        raise ValueError(
            f"Unknown occasion_of {occasion_of!r}. Expected occasion, media or date, a mapping from media to "
            "occasion, or a function of a sighting."
        )
    return attrgetter(occasion_of)


def _secr_names(names: set[str]) -> dict[str, str]:
    """Each name as secr takes it; still distinct."""
    ordered = sorted(names, key=natural_order)
    return dict(zip(ordered, distinct(map(_secr_name, ordered)), strict=True))


def _secr_name(name: str) -> str:
    return re.sub(r"[\s,_#\"']+", "-", name)
