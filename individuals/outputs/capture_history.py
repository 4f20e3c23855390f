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

OccasionOf = Callable[[Sighting], str | None]
OccasionName = Literal["occasion", "media", "date"]
MAX_LISTED = 10


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
            repeated = sorted(value for value, times in Counter(values).items() if times > 1)
            if repeated:
                raise ValueError(f"The {what} {', '.join(map(repr, repeated))} are there twice.")
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
        return {
            individual: "".join(map(str, row.tolist()))
            for individual, row in zip(self.individuals, self.matrix, strict=True)
        }


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
    met: dict[str, set[str]] = {}
    homeless, unknown = [], []
    allowed = None if all_occasions is None else set(all_occasions)
    for sighting in sightings:
        occasion = find(sighting)
        if occasion is None:
            homeless.append(sighting)
        elif allowed is not None and occasion not in allowed:
            unknown.append((sighting, occasion))
        else:
            met.setdefault(sighting.individual, set()).add(str(occasion))
    _refuse(occasion_of, homeless, unknown, all_occasions)
    individuals = sorted(met, key=natural_order)
    occasions = (
        list(all_occasions)
        if all_occasions is not None
        else sorted({o for seen in met.values() for o in seen}, key=natural_order)
    )
    matrix = [[occasion in met[individual] for occasion in occasions] for individual in individuals]
    return CaptureHistory(
        tuple(individuals),
        tuple(occasions),
        np.array(matrix, np.uint8).reshape(len(individuals), len(occasions)),
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
    digits = [part.lstrip("0") for part in parts[1::2]]
    parts[1::2] = digits
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
        "date": _date,
    }
    if occasion_of not in ways:
        raise ValueError(
            f"Unknown occasion_of {occasion_of!r}. Expected one of {', '.join(ways)}, a mapping from media "
            "to occasion, or a function of a sighting."
        )
    return ways[occasion_of]


def _date(sighting: Sighting) -> str | None:
    moment = sighting.started_at
    return None if moment is None else moment.date().isoformat()


def _refuse(
    occasion_of: object,
    homeless: Sequence[Sighting],
    unknown: Sequence[tuple[Sighting, str]],
    all_occasions: Sequence[str] | None,
) -> None:
    problems = []
    if homeless:
        way = {"occasion": "Set occasion", "date": "Set captured_at"}.get(
            occasion_of if isinstance(occasion_of, str) else "", "Give every media file an occasion"
        )
        problems.append(
            f"{len(homeless)} sightings have no occasion: {_listed(map(_who, homeless))}. {way}, or leave "
            "them out."
        )
    if unknown:
        known = ", ".join(map(repr, all_occasions or ())) or "none"
        problems.append(
            f"{len(unknown)} sightings have an occasion that is not among all_occasions ({known}): "
            f"{_listed(f'{_who(sighting)} on {occasion!r}' for sighting, occasion in unknown)}."
        )
    if problems:
        raise ValueError(" ".join(problems))


def _who(sighting: Sighting) -> str:
    return f"individual {sighting.individual} in {sighting.media!r} at {sighting.start_seconds:g} s"


def _listed(items: Iterable[str]) -> str:
    every = list(items)
    more = f"; and {len(every) - MAX_LISTED} more" if len(every) > MAX_LISTED else ""
    return "; ".join(every[:MAX_LISTED]) + more
