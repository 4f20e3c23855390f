"""Which recordings follow each other: those of one recorder in one place, by their clocks."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from archives.survey.records import SurveyedFile

_NAMED_BY_DATE = re.compile(r"(?:19|20)\d\d(?:[-_.]?\d\d){0,2}|\d\d[-_.]\d\d")
_LEAST_OVERLAP_SECONDS = 2.0
_LONGEST_SECONDS = 366 * 86_400.0
_FEW_LABELS = 1 / 3
"""Of the files in a place: what nearly every name begins with anew is a number, and no recorder."""


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
    def starts(self) -> list[datetime]:
        """When each file begins, by the recorder's own clock."""
        return [start_of(file) for file in self.files]

    @property
    def end(self) -> datetime:
        """When the last sound ends."""
        return max(start_of(file) + duration_of(file) for file in self.files)


def start_of(file: SurveyedFile) -> datetime:
    """When a file with a clock begins."""
    if file.clock is None:
        raise ValueError(f"'{file.path}' has no clock. Expected files of a series.")
    return file.clock.wall_time


def duration_of(file: SurveyedFile) -> timedelta:
    """How long its sound is; zero where it is not known, a year where a damaged header says more."""
    return timedelta(seconds=min(file.duration_seconds or 0.0, _LONGEST_SECONDS))


def series_of(files: Sequence[SurveyedFile]) -> tuple[Series, ...]:
    """The recordings that have a believable clock, by place and recorder.

    Args:
        files: of any kind.
    """
    places: dict[Path, list[SurveyedFile]] = defaultdict(list)
    for file in files:
        if file.kind == "recording" and file.clock and not file.has("impossible_clock"):
            places[place_of(file.path)].append(file)
    groups: dict[tuple[Path, str | None], list[SurveyedFile]] = defaultdict(list)
    for place, there in places.items():
        tells_recorders = len({file.recorder for file in there}) <= max(1, len(there) * _FEW_LABELS)
        for file in there:
            recorder = file.recorder if file.serial or tells_recorders else None
            groups[place, recorder].append(file)
    return tuple(
        Series(folder, recorder, tuple(sorted(group, key=lambda file: (start_of(file), file.path))))
        for (folder, recorder), group in sorted(
            groups.items(), key=lambda item: (item[0][0], item[0][1] or "")
        )
    )


def place_of(path: Path) -> Path:
    """The folder of a file, above folders that are merely named by a date.

    Args:
        path: of a file.
    Example:
        >>> place_of(Path("pond/20230514/20230514_053000.WAV")).as_posix()
        'pond'
    """
    folder = path.parent
    while _NAMED_BY_DATE.fullmatch(folder.name):
        folder = folder.parent
    return folder


def with_overlaps(files: Sequence[SurveyedFile], copies: set[Path]) -> tuple[SurveyedFile, ...]:
    """The files, of which those that begin before their predecessor ends say so.

    One recorder cannot record twice at once: a clock was set back, or files were renamed or mixed.

    Args:
        files: of any kind.
        copies: files whose content is there under another name too; they are left out.
    """
    late: dict[Path, str] = {}
    for recorder in _by_recorder([file for file in files if file.path not in copies]):
        longest = None
        for before, after in pairwise(recorder):
            if longest is None or start_of(before) + duration_of(before) > start_of(
                longest
            ) + duration_of(longest):
                longest = before
            overlap = (start_of(longest) + duration_of(longest) - start_of(after)).total_seconds()
            clock = after.clock
            if overlap > _LEAST_OVERLAP_SECONDS + (clock.resolution_seconds if clock else 0):
                late[after.path] = (
                    f"begins {start_of(after)}, {overlap:.0f} s before '{longest.path}' of the same recorder"
                    " ends: the clock was set back, or files are mixed."
                )
    return tuple(
        file.with_fault("overlap", late[file.path]) if file.path in late else file for file in files
    )


def _by_recorder(files: Sequence[SurveyedFile]) -> list[list[SurveyedFile]]:
    """By serial number and channel wherever the files lie; without one, by place."""
    recorders: dict[object, list[SurveyedFile]] = defaultdict(list)
    for one in series_of(files):
        for file in one.files:
            recorders[file.recorder if file.serial else (one.folder, one.recorder)].append(file)
    return [
        sorted(group, key=lambda file: (start_of(file), file.path)) for group in recorders.values()
    ]
