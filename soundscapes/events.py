"""Events: from when to when a species is heard, from scores of moments that follow each other."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

_TOLERANCE_SECONDS = 1e-6


@dataclass(frozen=True)
class Event:
    """A species, heard from one time to another.

    Attributes:
        file: of the recording.
        start_seconds: float >= 0.
        end_seconds: float > start_seconds.
        species: its name.
        score: float in [0, 1], of its highest moment.
    """

    file: str
    start_seconds: float
    end_seconds: float
    species: str
    score: float


@dataclass(frozen=True)
class EventSettings:
    """When moments above the threshold are one event.

    Args:
        gap_seconds: float >= 0; what is interrupted for no longer is one event.
        min_seconds: float >= 0; what is shorter, after that, is none.

    Raises:
        ValueError: a value is negative or NaN.
    """

    gap_seconds: float = 1.0
    min_seconds: float = 0.0

    def __post_init__(self) -> None:
        if not (self.gap_seconds >= 0 and self.min_seconds >= 0):
            raise ValueError(
                f"Expected gap_seconds and min_seconds >= 0, received {self.gap_seconds} and "
                f"{self.min_seconds}."
            )


def find_events(
    scores: npt.ArrayLike,
    *,
    file: str,
    class_names: Sequence[str],
    seconds_per_moment: float,
    thresholds: npt.ArrayLike,
    settings: EventSettings | None = None,
) -> list[Event]:
    """The events of one recording, in the order of their starts.

    Args:
        scores: float [num_moments, num_classes]; NaN, where nothing was heard, is no event.
        file: of the recording.
        class_names: in the order of the columns.
        seconds_per_moment: float > 0.
        thresholds: float [num_classes] or one for all; a moment counts strictly above it.
        settings: how moments become one event.
    """
    finder = EventFinder(file, class_names, seconds_per_moment, thresholds, settings)
    values = np.asarray(scores)
    finder.add(values)
    return finder.finish(len(values) * seconds_per_moment)


def select_events(
    events: Iterable[Event],
    *,
    species: Collection[str] | None = None,
    min_score: float = 0.0,
    gap_seconds: float | None = None,
) -> list[Event]:
    """Some of the events, and those of a species that follow each other closely as one.

    Args:
        events: of one or several recordings.
        species: those that stay; None keeps all.
        min_score: float in [0, 1]; what scores below it goes, before anything is joined.
        gap_seconds: float >= 0; events of one species in one recording that are no farther apart become
            one, with the highest score. None joins nothing.

    Returns:
        By recording, in the order of their starts.

    Example:
        >>> heard = [Event("a.wav", 0, 2, "wren", 0.9), Event("a.wav", 3, 4, "wren", 0.6)]
        >>> [event.end_seconds for event in select_events(heard, gap_seconds=1)]
        [4]
    """
    kept = [
        event
        for event in events
        if event.score >= min_score and (species is None or event.species in species)
    ]
    kept.sort(key=lambda event: (event.file, event.start_seconds, event.species))
    if gap_seconds is None:
        return kept
    joined: list[Event] = []
    last: dict[tuple[str, str], int] = {}
    for event in kept:
        place = last.get((event.file, event.species))
        before = None if place is None else joined[place]
        if (
            place is None
            or before is None
            or event.start_seconds - before.end_seconds > gap_seconds + _TOLERANCE_SECONDS
        ):
            last[event.file, event.species] = len(joined)
            joined.append(event)
            continue
        joined[place] = replace(
            before,
            end_seconds=max(before.end_seconds, event.end_seconds),
            score=max(before.score, event.score),
        )
    return joined


class EventFinder:
    """`find_events` for moments that come some at a time; keeps nothing but open events and those found."""

    def __init__(
        self,
        file: str,
        class_names: Sequence[str],
        seconds_per_moment: float,
        thresholds: npt.ArrayLike,
        settings: EventSettings | None = None,
    ) -> None:
        self._file, self._names, self._step = file, class_names, seconds_per_moment
        self._thresholds = np.broadcast_to(np.asarray(thresholds, float), (len(class_names),))
        self._settings = settings or EventSettings()
        self._num_moments = 0
        self._open: dict[int, Event] = {}
        self._found: list[Event] = []

    @property
    def seconds(self) -> float:
        """Of all moments so far."""
        return self._num_moments * self._step

    def add(self, scores: np.ndarray) -> None:
        """The next moments, float [num_moments, num_classes]."""
        is_above = scores > self._thresholds
        for number in np.flatnonzero(is_above.any(axis=0)).tolist():
            edges = np.diff(np.pad(is_above[:, number].astype(np.int8), 1))
            starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
                self._extend(number, start, end, float(scores[start:end, number].max()))
        self._num_moments += len(scores)

    def take_closed(self) -> list[Event]:
        """Events that no later moment can change; they are forgotten here: a stream may be endless."""
        now, gap = self.seconds, self._settings.gap_seconds + _TOLERANCE_SECONDS
        for number, event in list(self._open.items()):
            if now - event.end_seconds > gap:
                self._keep(self._open.pop(number))
        taken, self._found = self._found, []
        return sorted(taken, key=lambda event: (event.start_seconds, event.species))

    def finish(self, end_seconds: float) -> list[Event]:
        """All events of the recording that were not taken, in the order of their starts.

        Args:
            end_seconds: float, the recording's length; no event reaches beyond it.
        """
        for event in self._open.values():
            self._keep(event)
        self._open = {}
        cropped = [
            Event(e.file, e.start_seconds, min(e.end_seconds, end_seconds), e.species, e.score)
            for e in self._found
        ]
        whole = [e for e in cropped if e.end_seconds > e.start_seconds]
        return sorted(whole, key=lambda event: (event.start_seconds, event.species))

    def _extend(self, number: int, start: int, end: int, score: float) -> None:
        """A run of moments above the threshold: a part of the open event, or a new one."""
        start_seconds = (self._num_moments + start) * self._step
        end_seconds = (self._num_moments + end) * self._step
        before = self._open.get(number)
        if before is not None:
            gap = start_seconds - before.end_seconds
            if gap <= self._settings.gap_seconds + _TOLERANCE_SECONDS:
                start_seconds, score = before.start_seconds, max(before.score, score)
            else:
                self._keep(before)
        self._open[number] = Event(
            self._file, start_seconds, end_seconds, self._names[number], score
        )

    def _keep(self, event: Event) -> None:
        seconds = event.end_seconds - event.start_seconds
        if seconds >= self._settings.min_seconds - _TOLERANCE_SECONDS:
            self._found.append(event)
