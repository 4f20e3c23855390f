"""What a survey says of one file: its header, its clock, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

Kind = Literal["photo", "recording", "video", "other"]
ClockSource = Literal["name", "header", "exif", "container"]
FaultKind = Literal[
    "empty",
    "unreadable",
    "truncated",
    "other_content",
    "no_sound",
    "too_short",
    "impossible_clock",
    "clocks_disagree",
    "overlap",
    # found by decoding only:
    "damaged",
    "blank",
    "silent",
    "clipped",
    "non_finite",
]


NOTHING_TO_HEAR: tuple[FaultKind, ...] = ("no_sound", "too_short", "silent")
"""Faults of recordings of which `embed` makes nothing."""
SHORTEST_SECONDS = 0.1
"""Of sound that YAMNet can make sense of."""


@dataclass(frozen=True)
class Decoded:
    """A sign of life of a file that is being decoded.

    Attributes:
        seconds: float, of sound or film since the last one.
    """

    seconds: float


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a file.

    Attributes:
        kind: for counting.
        text: what was found, what was expected, and what can be done.
    """

    kind: FaultKind
    text: str


@dataclass(frozen=True)
class Clock:
    """When a file says that it begins.

    Attributes:
        time: as the recorder's clock showed it; with a time zone where the file tells it.
        source: where it says so.
        resolution_seconds: 60 where seconds are not told.
    """

    time: datetime
    source: ClockSource
    resolution_seconds: int = 1

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
        format: of the content, such as "WAV" or "JPEG"; None where unknown.
        duration_seconds: float; None for photos, and where the file does not tell.
        sample_rate_hz: of the sound.
        num_channels: of the sound.
        bits_per_sample: of the sound; None for lossy formats.
        width: pixels.
        height: pixels.
        frames_per_second: of a video.
        has_sound: whether a video has a sound track.
        clock: when it begins, by the clock that is trusted most.
        other_clocks: what else it says of that.
        recorder: serial number and channel, or what the name begins with, or the camera's model.
        serial: of the recorder, only where it is one: no two devices have the same.
        notes: odd, but nothing that stops it from being used.
        faults: what is wrong with it.
    """

    path: Path
    kind: Kind
    num_bytes: int
    format: str | None = None
    duration_seconds: float | None = None
    sample_rate_hz: int | None = None
    num_channels: int | None = None
    bits_per_sample: int | None = None
    width: int | None = None
    height: int | None = None
    frames_per_second: float | None = None
    has_sound: bool | None = None
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
    def is_readable(self) -> bool:
        """Whether `embed` gets anything out of it, as far as is known."""
        return self.kind != "other" and not self.has("empty", "unreadable", "other_content")
