"""How many hours of each day and each night a recorder has heard."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from archives.survey.series import Series, duration_of, start_of

_HALF_DAY = timedelta(hours=12)


@dataclass(frozen=True)
class CoveredDay:
    """Hours of sound around one date, by the recorder's own clock.

    Attributes:
        date: of the day; the night is the one that begins in its evening.
        day_hours: from midnight to midnight.
        night_hours: from noon to noon.
    """

    date: date
    day_hours: float
    night_hours: float


def coverage_of(series: Series) -> tuple[CoveredDay, ...]:
    """Each date from the first night or day to the last, also those without any sound.

    Args:
        series: of one recorder.
    """
    halves: dict[datetime, float] = defaultdict(float)
    for file in series.files:
        start = start_of(file)
        end = start + duration_of(file)
        while start < end:
            half = datetime.combine(start.date(), time(12 if start.hour >= 12 else 0))
            until = min(end, half + _HALF_DAY)
            halves[half] += (until - start).total_seconds() / 3600
            start = until
    if not halves:
        return ()
    begin, end = min(halves), max(halves)
    first = (begin - _HALF_DAY).date()  # a first morning belongs to the night before
    days = []
    for number in range((end.date() - first).days + 1):
        midnight = datetime.combine(first + timedelta(days=number), time())
        morning, evening = halves.get(midnight, 0.0), halves.get(midnight + _HALF_DAY, 0.0)
        next_morning = halves.get(midnight + 2 * _HALF_DAY, 0.0)
        days.append(CoveredDay(midnight.date(), morning + evening, evening + next_morning))
    return tuple(days)
