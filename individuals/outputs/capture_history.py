"""Capture histories: which individual was met on which sampling occasion, for capture-recapture."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from operator import attrgetter
from typing import Literal

import numpy as np

from individuals.sighting import Sighting
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
    matrix = np.zeros((len(individuals), len(occasions)), np.uint8)
    row = {who: number for number, who in enumerate(individuals)}
    column = {occasion: number for number, occasion in enumerate(occasions)}
    for who, occasion in met:
        matrix[row[who], column[occasion]] = 1
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
