"""Clocks that cannot be right: never set, in the future, or contradicted by the file's other clocks."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from archives.survey.records import Clock, SurveyedFile

_EPOCHS = {1601, 1904, 1970, 1980, 2000}
"""Years at whose beginning clocks of computers, cameras and recorders start to count."""
_FIRST_TAPES = 1950
_QUARTER_HOUR_SECONDS = 900
_WIDEST_ZONES_SECONDS = 14 * 3600
_TOLERANCE_SECONDS = 120


def with_clock_faults(file: SurveyedFile, now: datetime) -> SurveyedFile:
    """The file with what is wrong with its clocks.

    Clocks that differ by whole quarters of an hour, up to 14 hours, agree: one may be UTC, the other local.

    Args:
        file: with its clocks.
        now: with a time zone.
    """
    if file.clock is None:
        return file
    year, month = file.clock.time.year, file.clock.time.month
    if year < _FIRST_TAPES or (year in _EPOCHS and month == 1):
        return file.with_fault(
            "impossible_clock",
            f"begins {_shown(file.clock)}: the clock was not set. Find the true start in your notes.",
        )
    if _is_in_future(file.clock, now):
        return file.with_fault(
            "impossible_clock",
            f"begins {_shown(file.clock)}, in the future: the clock was set wrong.",
        )
    for other in file.other_clocks:
        if not clocks_agree(file.clock, other):
            text = f"begins {_shown(file.clock)}, but {_shown(other)}"
            if other.source == "container":  # which programs set anew when they save a video
                return replace(file, notes=(*file.notes, text))
            return file.with_fault("clocks_disagree", f"{text}: renamed, or a clock set wrong.")
    return file


def clocks_agree(one: Clock, other: Clock) -> bool:
    """Whether two clocks can mean the same moment.

    Args:
        one: a clock.
        other: of the same file.
    Example:
        >>> from datetime import datetime
        >>> utc, local = (Clock(datetime(2023, 5, 14, hour, 30), "name") for hour in (5, 7))
        >>> clocks_agree(utc, local)
        True
    """
    apart = abs((one.wall_time - other.wall_time).total_seconds())
    off_quarter = min(apart % _QUARTER_HOUR_SECONDS, -apart % _QUARTER_HOUR_SECONDS)
    resolution = max(one.resolution_seconds, other.resolution_seconds)
    return (
        apart <= _WIDEST_ZONES_SECONDS + _TOLERANCE_SECONDS
        and off_quarter <= _TOLERANCE_SECONDS + resolution
    )


def _is_in_future(clock: Clock, now: datetime) -> bool:
    ahead = timezone(
        timedelta(hours=14)
    )  # where it is latest; a time without zone may be from there
    time = clock.time if clock.time.tzinfo else clock.time.replace(tzinfo=ahead)
    return time > now + timedelta(minutes=10)


def _shown(clock: Clock) -> str:
    sources = {
        "name": "its name",
        "header": "its recorder",
        "exif": "its EXIF",
        "container": "its container",
    }
    return f"{clock.time.isoformat(sep=' ')} by {sources[clock.source]}"
