"""Which recordings follow each other: those of one recorder in one place, by their clocks."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path

from archives.survey.records import SurveyedFile
from archives.survey.schedule import Schedule, schedule_of

_NAMED_BY_DATE = re.compile(r"(?:19|20)\d\d(?:[-_.]?\d\d){0,2}|\d\d[-_.]\d\d")
_LEAST_OVERLAP_SECONDS = 2.0
_FEW_LABELS = 1 / 3
"""Of the files in a place: what nearly every name begins with anew is a number, and no recorder."""
_DAY, _HALF_DAY = timedelta(days=1), timedelta(hours=12)


@dataclass(frozen=True)
class CoveredDay:
    """Hours of sound around one date, by the recorder's own clock."""

    date: date
    day_hours: float  # from midnight to midnight
    night_hours: float  # from noon to the next noon


@dataclass(frozen=True)
class Series:
    """Recordings of one recorder in one place, in the order of their clocks.

    Attributes:
        folder: where they lie; folders that are merely named by a date are not counted.
        recorder: what tells it from others there; None where nothing does.
        files: at least one; clocks that were never set are left out.
    """

    folder: Path
    recorder: str | None
    files: tuple[SurveyedFile, ...]

    @property
    def name(self) -> str:
        """The folder, and the recorder where it is told."""
        return f"{self.folder}" + (f" [{self.recorder}]" if self.recorder else "")

    @property
    def begin(self) -> datetime:
        """When the first sound begins, by the recorder's own clock."""
        return self.files[0].begin

    @property
    def end(self) -> datetime:
        """When the last sound ends."""
        return max(file.end for file in self.files)

    @cached_property
    def schedule(self) -> Schedule:
        """When it records, and what is missing."""
        return schedule_of([file.begin for file in self.files])

    @cached_property
    def coverage(self) -> tuple[CoveredDay, ...]:
        """Each date from the first night or day to the last, also those without any sound."""
        hours = _hours_of_half_days(self.files)
        if not hours:
            return ()
        first = (min(hours) - _HALF_DAY).date()  # a first morning belongs to the night before
        midnights = [
            datetime.combine(first, time()) + number * _DAY
            for number in range((max(hours).date() - first).days + 1)
        ]
        return tuple(
            CoveredDay(
                midnight.date(),
                hours.get(midnight, 0.0) + hours.get(midnight + _HALF_DAY, 0.0),
                hours.get(midnight + _HALF_DAY, 0.0) + hours.get(midnight + _DAY, 0.0),
            )
            for midnight in midnights
        )


def _hours_of_half_days(files: Iterable[SurveyedFile]) -> dict[datetime, float]:
    """Hours of sound from each midnight to noon, and from each noon to midnight."""
    hours: dict[datetime, float] = defaultdict(float)
    for file in files:
        begin = file.begin
        while begin < file.end:
            half = datetime.combine(begin.date(), time(12 if begin.hour >= 12 else 0))
            until = min(file.end, half + _HALF_DAY)
            hours[half] += (until - begin).total_seconds() / 3600
            begin = until
    return hours


def series_of(files: Sequence[SurveyedFile]) -> tuple[Series, ...]:
    """The recordings among files that have a believable clock, by place and recorder."""
    places: dict[Path, list[SurveyedFile]] = defaultdict(list)
    for file in files:
        if file.kind == "recording" and file.clock and not file.has("impossible_clock"):
            places[place_of(file.path)].append(file)
    groups: dict[tuple[Path, str], list[SurveyedFile]] = defaultdict(list)
    for place, there in places.items():
        tells_recorders = len({file.recorder for file in there}) <= max(1, len(there) * _FEW_LABELS)
        for file in there:
            is_told = file.serial or tells_recorders
            groups[place, (file.recorder or "") if is_told else ""].append(file)
    return tuple(
        Series(folder, recorder or None, tuple(sorted(group, key=_by_clock)))
        for (folder, recorder), group in sorted(groups.items())
    )


def _by_clock(file: SurveyedFile) -> tuple[datetime, Path]:
    return file.begin, file.path


def place_of(path: Path) -> Path:
    """The folder of a file, above folders that are merely named by a date."""
    folder = path.parent
    while _NAMED_BY_DATE.fullmatch(folder.name):
        folder = folder.parent
    return folder


def with_overlaps(files: Sequence[SurveyedFile], copies: set[Path]) -> tuple[SurveyedFile, ...]:
    """The files, of which those that begin before another of the same recorder ends say so.

    One recorder cannot record twice at once: a clock was set back, or files were renamed or mixed. Copies,
    whose content is there under another name too, are left out.
    """
    late: dict[Path, str] = {}
    for recordings in _by_recorder([file for file in files if file.path not in copies]):
        longest = recordings[0]
        for file in recordings[1:]:
            seconds = (longest.end - file.begin).total_seconds()
            if file.clock and seconds > _LEAST_OVERLAP_SECONDS + file.clock.resolution_seconds:
                late[file.path] = (
                    f"begins {file.begin}, {seconds:.0f} s before '{longest.path}' of the same recorder"
                    " ends: the clock was set back, or files are mixed."
                )
            longest = max(longest, file, key=lambda one: one.end)
    return tuple(
        file.with_fault("overlap", late[file.path]) if file.path in late else file for file in files
    )


def _by_recorder(files: Sequence[SurveyedFile]) -> list[list[SurveyedFile]]:
    """By serial number and channel wherever the files lie; without one, by place."""
    recorders: dict[object, list[SurveyedFile]] = defaultdict(list)
    for series in series_of(files):
        for file in series.files:
            recorder = file.recorder if file.serial else (series.folder, series.recorder)
            recorders[recorder].append(file)
    return [sorted(group, key=_by_clock) for group in recorders.values()]
