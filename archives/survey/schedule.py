"""When a recorder records, and where its schedule has gaps."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np

_LEAST_FILES = 6
_NEIGHBOURS = 10
"""Steps before and after one that say what step is usual there: schedules change in a season."""
_LONGER_THAN_USUAL = 1.6
_REGULAR_SHARE = 0.6
_MOST_DAYS_COMPARED = 5
_DRIFT_SECONDS_PER_DAY, _MOST_DRIFT_SECONDS = 180.0, 1200.0
"""Schedules that follow the sun begin a little earlier or later every day."""
_DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class Gap:
    """A stretch in which recordings are missing."""

    after: datetime  # when the last file before it begins
    until: datetime  # when the first file after it begins
    num_missing: int  # files


@dataclass(frozen=True)
class Step:
    """From start to start, and since when: schedules change in a season."""

    seconds: float
    since: datetime


@dataclass(frozen=True)
class Schedule:
    """How a recorder records, and where it did not.

    Attributes:
        step_seconds: from start to start, the median; None for fewer than two files.
        steps: the usual step and its changes; empty where there is no schedule.
        is_regular: whether most steps are like their neighbours: triggered recorders have no schedule.
        gaps: in the order of time.
    """

    step_seconds: float | None = None
    steps: tuple[Step, ...] = ()
    is_regular: bool = False
    gaps: tuple[Gap, ...] = ()


def schedule_of(begins: Sequence[datetime]) -> Schedule:
    """The usual step of a recorder and the stretches that are missing, from the starts of its files.

    A step that is longer than those around it is a gap only if on other days something was recorded at
    these hours: pauses that return every day are the schedule. Other days are the up to five before and
    after; where both sides differ, as when the schedule was changed, the side with fewer recordings
    counts. In less than two days the usual step alone decides.
    """
    begins = sorted(set(begins))  # several channels may begin at once
    seconds = np.array([(begin - begins[0]).total_seconds() for begin in begins])
    steps = np.diff(seconds)
    if len(steps) == 0:
        return Schedule()
    usual = _usual_steps(steps)
    is_regular = np.mean(~_differ(steps, usual)) >= _REGULAR_SHARE
    if len(begins) < _LEAST_FILES or not is_regular:
        return Schedule(float(np.median(steps)))
    gaps = []
    for position in np.flatnonzero(steps > _LONGER_THAN_USUAL * usual):
        missing = _num_missing(seconds, int(position), float(usual[position]))
        if missing > 0:
            gaps.append(Gap(begins[position], begins[position + 1], missing))
    return Schedule(float(np.median(steps)), _changes(begins, usual), True, tuple(gaps))


def _usual_steps(steps: np.ndarray) -> np.ndarray:
    """The median of the steps around each, itself included."""
    padded = np.pad(steps, _NEIGHBOURS, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEIGHBOURS + 1)
    return np.nanmedian(windows, axis=1)


def _differ(seconds: np.ndarray, usual: np.ndarray) -> np.ndarray:
    return np.abs(seconds - usual) > 0.1 * usual + 2


def _changes(begins: Sequence[datetime], usual: np.ndarray) -> tuple[Step, ...]:
    """Where the usual step becomes another and stays so for as many files as decide what is usual."""
    changes = np.flatnonzero(_differ(usual[1:], usual[:-1])) + 1
    steps: list[Step] = []
    for begin, end in pairwise([0, *changes.tolist(), len(usual)]):
        seconds = float(np.median(usual[begin:end]))
        is_same = steps and abs(steps[-1].seconds - seconds) <= 0.1 * seconds + 2
        if (begin == 0 or end - begin >= _NEIGHBOURS) and not is_same:
            steps.append(Step(seconds, begins[begin]))
    return tuple(steps)


def _num_missing(seconds: np.ndarray, position: int, usual: float) -> int:
    begin, end = seconds[position] + usual / 2, seconds[position + 1] - usual / 2
    if seconds[-1] - seconds[0] < 2 * _DAY_SECONDS:
        return round((seconds[position + 1] - seconds[position]) / usual) - 1
    days = math.ceil((seconds[position + 1] - seconds[position]) / _DAY_SECONDS)
    sides = []
    for direction in (-1, 1):
        counts = [
            _fewest_within(seconds, begin + shift, end + shift, drift_seconds)
            for shift, drift_seconds in _other_days(direction, days)
            if begin + shift >= seconds[0] - usual and end + shift <= seconds[-1] + usual
        ]
        if counts:
            sides.append(int(np.median(counts)))
    return min(sides) if sides else _missing_by_days(seconds, end - begin + usual, usual)


def _other_days(direction: int, days: int) -> Iterator[tuple[float, float]]:
    """How far off each day is that is compared, and how far dawn may have moved until then."""
    for apart in range(days, days + _MOST_DAYS_COMPARED):
        drift_seconds = min(apart * _DRIFT_SECONDS_PER_DAY, _MOST_DRIFT_SECONDS)
        yield direction * apart * _DAY_SECONDS, drift_seconds


def _fewest_within(seconds: np.ndarray, begin: float, end: float, drift_seconds: float) -> int:
    """Files in a stretch, or in one that lies a little earlier or later, whichever holds fewest."""
    slides = np.arange(-drift_seconds, drift_seconds + 1, 60.0)
    counts = np.searchsorted(seconds, end + slides) - np.searchsorted(seconds, begin + slides)
    return int(counts.min())


def _missing_by_days(seconds: np.ndarray, gap_seconds: float, usual: float) -> int:
    """Longer than what lies on either side: as many per day as on a day of the series that has any."""
    _, counts = np.unique(seconds // _DAY_SECONDS, return_counts=True)
    steps = np.diff(seconds)
    pauses = steps[(steps > _LONGER_THAN_USUAL * usual) & (steps < _DAY_SECONDS)]
    pause_seconds = float(np.median(pauses)) if len(pauses) else usual
    return round(float(np.median(counts)) * (gap_seconds - pause_seconds) / _DAY_SECONDS)
