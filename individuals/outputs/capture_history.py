"""Capture histories: which individual was met on which sampling occasion, for capture-recapture."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
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

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, CaptureHistory)
            and (self.individuals, self.occasions) == (other.individuals, other.occasions)
            and bool((self.matrix == other.matrix).all())
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
    Returns:
        CaptureHistory.
    Raises:
        ValueError: sightings without an occasion, or with one that is not among all_occasions; they are
            listed.

    Example:
        >>> heard = Sighting(individual="7", media="b.wav", start_seconds=1, end_seconds=2)
        >>> capture_history([heard], occasion_of="media", all_occasions=["a.wav", "b.wav"]).histories
        {'7': '01'}
    """
    find = _find_occasions(occasion_of)
    found = [(sighting, find(sighting)) for sighting in sightings]
    problems = []
    if without := [_who(sighting) for sighting, occasion in found if occasion is None]:
        ways = {"occasion": "Set occasion", "date": "Set captured_at"}
        way = ways.get(str(occasion_of), "Give every media file an occasion")
        problems.append(
            f"{len(without)} sightings have no occasion: {some_problems(without)}. {way}, or leave them "
            "out."
        )
    unknown = [
        f"{_who(sighting)} on {occasion!r}"
        for sighting, occasion in found
        if occasion is not None and all_occasions is not None and occasion not in all_occasions
    ]
    if unknown:
        problems.append(
            f"{len(unknown)} sightings have an occasion that is not among all_occasions "
            f"({some_names(all_occasions or ()) or 'none'}): {some_problems(unknown)}."
        )
    if problems:
        raise ValueError(" ".join(problems))
    met = {(sighting.individual, str(occasion)) for sighting, occasion in found}
    individuals = sorted({individual for individual, _ in met}, key=natural_order)
    occasions = all_occasions
    if occasions is None:
        occasions = sorted({occasion for _, occasion in met}, key=natural_order)
    matrix = [[(who, occasion) in met for occasion in occasions] for who in individuals]
    shape = (len(individuals), len(occasions))
    return CaptureHistory(
        tuple(individuals), tuple(occasions), np.array(matrix, np.uint8).reshape(shape)
    )


def every_days(num_days: int, first: date) -> OccasionOf:
    """Occasions of some days each, named by their first day; pass it to `capture_history`.

    Args:
        num_days: int >= 1, of an occasion.
        first: the first day of the first occasion. What was met before has no occasion.
    """
    _check_days(num_days)

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
    _check_days(num_days)
    days = range(0, (last - first).days + 1, num_days)
    return [(first + timedelta(days=day)).isoformat() for day in days]


def natural_order(text: str) -> tuple[list[tuple[int, str]], str]:
    """Sorts as people do: 2 before 10, wren 2 before wren 10."""
    parts = re.split(r"([0-9]+)", text.casefold())  # text and digits take turns
    parts[1::2] = [part.lstrip("0") for part in parts[1::2]]
    return [(len(part) if number % 2 else 0, part) for number, part in enumerate(parts)], text


def _check_days(num_days: int) -> None:
    if num_days < 1:
        raise ValueError(f"num_days must be at least 1, received {num_days}.")


def _find_occasions(occasion_of: OccasionName | Mapping[str, str] | OccasionOf) -> OccasionOf:
    if callable(occasion_of):
        return occasion_of
    if isinstance(occasion_of, Mapping):
        by_media = occasion_of
        return lambda sighting: by_media.get(sighting.media)
    ways: dict[str, OccasionOf] = {
        "occasion": lambda sighting: sighting.occasion,
        "media": lambda sighting: sighting.media,
        "date": every_days(1, date.min),
    }
    if occasion_of not in ways:
        raise ValueError(
            f"Unknown occasion_of {occasion_of!r}. Expected one of {', '.join(ways)}, a mapping from media "
            "to occasion, or a function of a sighting."
        )
    return ways[occasion_of]


def _who(sighting: Sighting) -> str:
    return f"individual {sighting.individual} in {sighting.media!r} at {sighting.start_seconds:g} s"
