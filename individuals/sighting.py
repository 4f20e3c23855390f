"""`Sighting`: one animal, seen or heard. The one record of videos, counts, catalogues and outputs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from inference.index.rows import Scalar
from inference.modalities import MODALITIES, Modality

Box = tuple[float, float, float, float]
FrameName = tuple[str, int]
AUTOMATIC = "automatic"
_NOT_GIVEN = math.nan
_MOST = 2**63 - 1  # what a table's whole number holds


def sighting_key(media: str, time_seconds: float | None = None, box: Box | None = None) -> str:
    """The name of a sighting by its file, moment and place; it never changes for the same file.

    Written as a W3C media fragment. Equal file names in different folders give different keys.

    Args:
        media: path of the video, photo or recording, as given.
        time_seconds: since its start; None for a photo or a whole recording.
        box: (left, top, right, bottom) in pixels; None for the whole.
    Reference:
        W3C, Media Fragments URI 1.0, 2012, https://www.w3.org/TR/media-frags/
    Example:
        >>> sighting_key("north/monday.mp4", 12.48, (10.0, 20.0, 60.0, 90.0))
        'north/monday.mp4#t=12.480&xywh=10.0,20.0,50.0,70.0'
    """
    parts = [] if time_seconds is None else [f"t={time_seconds:.3f}"]
    if box is not None:
        left, top, right, bottom = box
        parts.append(f"xywh={left:.1f},{top:.1f},{right - left:.1f},{bottom - top:.1f}")
    printable = media.encode("utf-8", "backslashreplace").decode()  # names of damaged encoding
    return f"{printable}#{'&'.join(parts)}" if parts else printable


def _whole_number(value: object) -> int:
    number = Decimal(str(value))  # a spreadsheet or data frame may have made 12.0 of 12
    if number != number.to_integral_value():
        raise ValueError
    return int(number)


def _time(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def _box(value: Any) -> Box:
    left, top, right, bottom = map(float, value)
    return left, top, right, bottom


_BOX = {"kind": "box (left, top, right, bottom)", "convert": _box}
_TIME = {"kind": "time, such as 2026-05-01T06:30:00+02:00", "convert": _time}
_TRACKLETS = {"kind": "list of tracklets", "convert": tuple}


def _number(least: float, most: float, *, default: float | None = None) -> Any:
    known = {"kind": "number", "convert": float, "range": (least, most)}
    return field(default=default, metadata=known)


def _whole(least: int) -> Any:
    known = {"kind": "whole number", "convert": _whole_number, "range": (least, _MOST)}
    return field(default=None, metadata=known)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """One animal at one moment or for a while, in one video, photo or recording.

    All that is not known is left out: None, or "" for the individual.

    Args:
        media: path of the video, photo or recording, as given.
        key: unique name. Default: `sighting_key` of the media, the moment and the box.
        modality: "image" if seen, "audio" if heard, "fused" if both.
        time_seconds: float >= 0, the moment of `box` and of the crop; None for a photo or a whole recording.
        start_seconds: float >= 0, when the tracklet or the call starts. Default: `time_seconds`, or 0.
        end_seconds: float >= start_seconds, when it ends. Default: `start_seconds`.
        frame_index: int >= 0, the frame of `box`. Two sightings of one frame are two animals.
        box: (left, top, right, bottom), float, pixels.
        frame_width_px: int >= 1.
        frame_height_px: int >= 1.
        low_frequency_hz: float >= 0, of a call.
        high_frequency_hz: float >= low_frequency_hz.
        tracklet: int, the animal's track within the media. Sightings of one tracklet are one animal.
        seen_with: tracklets of the same media that were in view together with this one: other animals.
        quality: float in [0, 1], of the crop.
        score: float in [0, 1], how sure the detector was.
        crop: path of a picture of the animal, relative to the folder of the sightings.
        individual: who it is, such as a catalogue's id; a number is taken as its text.
        name: what people call the individual.
        species: or class, in the words of the data it was learned from.
        similarity: float in [-1, 1], cosine, to the other sightings of the individual.
        probability: float in [0, 1], that the individual is right.
        decided_by: "automatic", or the person who said who it is.
        captured_at: when the media starts, with a time zone where it is known.
        occasion: sampling occasion of capture-recapture.
        deployment: of the camera or recorder at a place for a time.
        place: where.
        metadata: anything else: str to str, int, float, bool or None.
    Raises:
        ValueError: something is missing, not finite, or out of its range; all that is wrong in one message.
    Example:
        >>> Sighting(media="monday.mp4", time_seconds=2.5).key
        'monday.mp4#t=2.500'
    """

    media: str
    key: str = ""
    modality: Modality = "image"
    time_seconds: float | None = _number(0, math.inf)
    start_seconds: float = _number(0, math.inf, default=_NOT_GIVEN)
    end_seconds: float = _number(0, math.inf, default=_NOT_GIVEN)
    frame_index: int | None = _whole(0)
    box: Box | None = field(default=None, metadata=_BOX)
    frame_width_px: int | None = _whole(1)
    frame_height_px: int | None = _whole(1)
    low_frequency_hz: float | None = _number(0, 1e9)
    high_frequency_hz: float | None = _number(0, 1e9)
    tracklet: int | None = _whole(-_MOST)
    seen_with: tuple[int, ...] = field(default=(), metadata=_TRACKLETS)
    quality: float | None = _number(0, 1)
    score: float | None = _number(0, 1)
    crop: str | None = None
    individual: str = ""
    name: str | None = None
    species: str | None = None
    similarity: float | None = _number(-1.001, 1.001)  # float32 may give more than 1
    probability: float | None = _number(0, 1)
    decided_by: str = AUTOMATIC
    captured_at: datetime | None = field(default=None, metadata=_TIME)
    occasion: str | None = None
    deployment: str | None = None
    place: str | None = None
    metadata: Mapping[str, Scalar] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.start_seconds is _NOT_GIVEN:
            object.__setattr__(self, "start_seconds", self.time_seconds or 0.0)
        if self.end_seconds is _NOT_GIVEN:
            object.__setattr__(self, "end_seconds", self.start_seconds)
        problems = list(self._convert())
        if problems := problems or list(_problems(self)):
            who = f" of individual {self.individual!r}" if self.individual else ""
            raise ValueError(f"A sighting{who} in {self.media!r} cannot be: {'; '.join(problems)}.")
        if not self.key:
            moment = self.time_seconds
            if moment is None:
                moment = self.start_seconds or None
            object.__setattr__(self, "key", sighting_key(self.media, moment, self.box))

    def _convert(self) -> Iterator[str]:
        """Values of NumPy, JSON or a table become Python's own; yields what cannot."""
        for each in _FIELDS.values():
            value = getattr(self, each.name)
            if value is None or each.name == "metadata":
                continue
            try:
                convert = each.metadata.get("convert")
                converted = convert(value) if convert else str(value) or _DEFAULTS[each.name]
                object.__setattr__(self, each.name, converted)
            except (TypeError, ValueError, ArithmeticError):
                yield f"{each.name} must be a {each.metadata['kind']}, received {value!r}"

    @property
    def is_seen(self) -> bool:
        """Whether the individual was told by sight, alone or with its voice."""
        return self.modality != "audio"

    @property
    def is_heard(self) -> bool:
        """Whether the individual was told by its voice, alone or with its look."""
        return self.modality != "image"

    @property
    def started_at(self) -> datetime | None:
        """When the sighting starts, on the media's own clock; None if the media's start is not known.

        Raises:
            ValueError: so many seconds after the media's start is beyond the year 9999.
        """
        if self.captured_at is None:
            return None
        return moment_after(self.captured_at, self.start_seconds, self.media)

    @property
    def frame_name(self) -> FrameName | None:
        """The frame, unique across files."""
        return None if self.frame_index is None else (self.media, self.frame_index)

    @property
    def tracklet_name(self) -> FrameName | None:
        """The tracklet, unique across files."""
        return None if self.tracklet is None else (self.media, self.tracklet)

    def is_seen_with(self, other: Sighting) -> bool:
        """Whether both were in view together, so that they are two animals."""
        if self.media != other.media or self.key == other.key:
            return False
        if self.tracklet is not None and self.tracklet == other.tracklet:
            return False  # one animal, followed
        return (
            (self.frame_index is not None and self.frame_index == other.frame_index)
            or other.tracklet in self.seen_with
            or self.tracklet in other.seen_with
        )

    def to_dict(self) -> dict[str, object]:
        """What is known, as JSON takes it."""
        known = {f.name: getattr(self, f.name) for f in fields(self)}
        if self.captured_at is not None:
            known["captured_at"] = self.captured_at.isoformat()
        return {name: value for name, value in known.items() if value != _DEFAULTS[name]}

    @classmethod
    def from_dict(cls, record: Mapping[str, object]) -> Sighting:
        """What `to_dict` gave; fields that a newer version added are passed over.

        Raises:
            TypeError, ValueError: it is no sighting.
        """
        return cls(**{name: record[name] for name in _DEFAULTS if name in record})  # type: ignore[arg-type] # __post_init__ checks


def moment_after(start: datetime, seconds: float, media: str) -> datetime:
    """So many seconds after the start of a media file; a ValueError beyond the year 9999."""
    try:
        return start + timedelta(seconds=seconds)
    except OverflowError as error:
        raise ValueError(f"{seconds} s after the start of {media!r} is no date.") from error


_FIELDS = {each.name: each for each in fields(Sighting)}
_DEFAULTS = {name: each.default for name, each in _FIELDS.items()} | {"media": "", "metadata": {}}


def _problems(sighting: Sighting) -> Iterator[str]:
    if not sighting.media:
        yield "media is missing"
    if sighting.modality not in MODALITIES:
        yield f"modality must be one of {', '.join(MODALITIES)}, received {sighting.modality!r}"
    start, end = sighting.start_seconds, sighting.end_seconds
    if not 0 <= start <= end < math.inf:
        yield f"times must be 0 <= start_seconds <= end_seconds, received {start} and {end}"
    for name, each in _FIELDS.items():
        value = getattr(sighting, name)
        least, most = each.metadata.get("range", (None, None))
        if value is not None and least is not None and not least <= value <= most:
            yield f"{name} must be in [{least}, {most}], received {value}"
    if sighting.box is not None:
        left, top, right, bottom = sighting.box
        if not (all(map(math.isfinite, sighting.box)) and left < right and top < bottom):
            yield f"a box must be finite, left < right and top < bottom, received {sighting.box}"
    low, high = sighting.low_frequency_hz, sighting.high_frequency_hz
    if low is not None and high is not None and not low <= high:
        yield f"low_frequency_hz must not be above high_frequency_hz, received {low}, {high}"
