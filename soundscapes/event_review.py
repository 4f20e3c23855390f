"""The review of detections: what to ask a person next, and how precise each species is so far."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy.stats import binomtest

from soundscapes.events import Event

YES, NO, OTHER = "yes", "no", "another species"
CONFIDENCE = 0.95


@dataclass(frozen=True)
class SpeciesPrecision:
    """How many of the detections of a species are right, as far as a person has looked.

    Attributes:
        species: its name.
        num_detections: int, all that were found.
        num_right: int, of those that were looked at.
        num_wrong: int: "no" or "another species"; what nobody could tell counts as neither.
        low, high: float, of the exact (Clopper-Pearson) 95 % interval of the precision; 0 and 1 where
            nobody has looked.
    """

    species: str
    num_detections: int
    num_right: int
    num_wrong: int
    low: float
    high: float

    @property
    def precision(self) -> float | None:
        """The share that is right; None where nobody has looked."""
        num = self.num_right + self.num_wrong
        return self.num_right / num if num else None


def event_key(event: Event) -> str:
    """The name of a detection in the log of a review: the same for the same detection."""
    return f"{event.file}#t={event.start_seconds:.3f},{event.end_seconds:.3f}&{event.species}"


def species_precision(
    events: Sequence[Event], answers: Mapping[str, str]
) -> list[SpeciesPrecision]:
    """The precision of each species so far, the most frequent species first.

    Args:
        events: all detections.
        answers: `event_key` -> "yes", "no", "another species", or any other word for cannot tell.
    """
    num: dict[str, int] = defaultdict(int)
    said: dict[str, list[str | None]] = defaultdict(list)
    for event in events:
        num[event.species] += 1
        said[event.species].append(answers.get(event_key(event)))
    found = []
    for species in sorted(num, key=lambda name: (-num[name], name)):
        right = said[species].count(YES)
        wrong = said[species].count(NO) + said[species].count(OTHER)
        low, high = 0.0, 1.0
        if right + wrong:
            interval = binomtest(right, right + wrong).proportion_ci(CONFIDENCE, method="exact")
            low, high = float(interval.low), float(interval.high)
        found.append(SpeciesPrecision(species, num[species], right, wrong, low, high))
    return found


def next_events(events: Sequence[Event], answers: Mapping[str, str], num: int = 1) -> list[Event]:
    """The detections that are most useful to look at next.

    The species of which least is known (the widest interval) comes first, of equals the most frequent.
    Within a species the order is drawn, whatever the scores, so that the precision so far is an estimate
    for all of its detections; asking about doubtful ones first would make it too low.

    Args:
        events: all detections.
        answers: as in `species_precision`.
        num: int >= 1, how many at most.
    """
    waiting: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event_key(event) not in answers:
            waiting[event.species].append(event)
    for ones in waiting.values():
        ones.sort(key=_drawn)
    known = species_precision(events, answers)
    order = [one.species for one in sorted(known, key=lambda one: one.low - one.high)]
    chosen: list[Event] = []
    while len(chosen) < num and any(waiting.values()):
        chosen += [waiting[name].pop(0) for name in order if waiting[name]]
    return chosen[:num]


def _drawn(event: Event) -> str:
    """A place in an order that knows nothing of scores, times and files."""
    return hashlib.sha256(event_key(event).encode("utf-8", "backslashreplace")).hexdigest()
