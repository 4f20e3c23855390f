"""What a survey says of one file: its header, its clocks, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from media.headers import MediaHeader, MediaKind

ClockSource = Literal["exif", "name", "header", "container"]
HeaderFault = Literal["empty", "unreadable", "truncated", "other_content", "no_sound", "too_short"]
ClockFault = Literal["impossible_clock", "clocks_disagree", "overlap"]
DecodingFault = Literal["damaged", "blank", "silent", "clipped", "non_finite"]
FaultKind = HeaderFault | ClockFault | DecodingFault

_UNUSABLE: tuple[FaultKind, ...] = ("empty", "unreadable", "other_content")
_UNUSABLE += ("no_sound", "too_short", "silent")
_LONGEST_SECONDS = 366 * 86_400.0


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a file."""

    kind: FaultKind  # for counting
    text: str  # what was found, what was expected, and what can be done


@dataclass(frozen=True)
class Clock:
    """When a file says that it begins."""

    time: datetime  # as the recorder's clock showed it; with a zone where the file tells it
    source: ClockSource
    resolution_seconds: int = 1  # 60 where seconds are not told

    @property
    def wall_time(self) -> datetime:
        """Without a time zone, so that all times of one recorder compare."""
        return self.time.replace(tzinfo=None)


@dataclass(frozen=True)
class SurveyedFile:
    """What is known of one file without decoding it (with `deep`, after decoding it).

    Attributes:
        path: the file.
        kind: what its name says it is; "other" is never read.
        num_bytes: of the file.
        header: what the file says of its content.
        clock: when it begins, by the clock that is trusted most.
        other_clocks: what else it says of that.
        recorder: serial number and channel, or what the name begins with, or the camera's model.
        serial: of the recorder, only where it is one: no two devices have the same.
        notes: odd, but nothing that stops it from being used.
        faults: what is wrong with it.
    """

    path: Path
    kind: MediaKind
    num_bytes: int
    header: MediaHeader = field(default_factory=MediaHeader)
    clock: Clock | None = None
    other_clocks: tuple[Clock, ...] = ()
    recorder: str | None = None
    serial: str | None = None
    notes: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()

    def with_fault(self, kind: FaultKind, text: str) -> SurveyedFile:
        """The same file with one fault more."""
        return replace(self, faults=(*self.faults, Fault(kind, text)))

    def has(self, *kinds: FaultKind) -> bool:
        """Whether it has a fault of one of these kinds."""
        return any(fault.kind in kinds for fault in self.faults)

    @property
    def is_usable(self) -> bool:
        """Whether `embed` makes anything of it, as far as is known."""
        is_cut_photo = self.kind == "photo" and self.has("truncated")
        return self.kind != "other" and not self.has(*_UNUSABLE) and not is_cut_photo

    @property
    def begin(self) -> datetime:
        """When it begins, by its recorder's own clock; ValueError where it has none."""
        if self.clock is None:
            raise ValueError(f"'{self.path}' has no clock. Expected files of a series.")
        return self.clock.wall_time

    @property
    def end(self) -> datetime:
        """When its sound ends; where a damaged header says more than a year, after a year."""
        seconds = min(self.header.duration_seconds or 0.0, _LONGEST_SECONDS)
        return self.begin + timedelta(seconds=seconds)
