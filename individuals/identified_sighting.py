"""`IdentifiedSighting`: who was seen or heard, when and where; the record that all outputs take."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from inference.modalities import MODALITIES, Modality

Box = tuple[float, float, float, float]
AUTOMATIC = "automatic"


@dataclass(frozen=True, kw_only=True)
class IdentifiedSighting:
    """One individual, seen or heard for a while in one video, photo or recording.

    A row of every table that is written. What is not known is None; an empty text is None too.

    Attributes:
        individual: who, such as a catalogue's id; a number is taken as its text.
        media: path of the video, photo or recording, as it was given.
        start_seconds: float >= 0, within the media.
        end_seconds: float >= start_seconds.
        modality: "image" if seen, "audio" if heard, "fused" if both.
        name: what people call the individual.
        species: or class, in the words of the data it was learned from.
        captured_at: when the media starts, with a time zone where it is known.
        frame_index: int >= 0, of the frame that `box` is in.
        box: (left, top, right, bottom), float, pixels.
        frame_width_px: int >= 1.
        frame_height_px: int >= 1.
        low_frequency_hz: float >= 0, of a call.
        high_frequency_hz: float >= low_frequency_hz.
        tracklet: int, within the media.
        similarity: float in [-1, 1], cosine, to the other sightings of the individual.
        probability: float in [0, 1], that the individual is right.
        quality: float in [0, 1], of what was seen.
        occasion: sampling occasion of capture-recapture.
        deployment: of the camera or recorder at a place for a time.
        place: where.
        decided_by: "automatic", or the person who said who it is.
    Raises:
        ValueError: something is missing, not finite, or out of its range; all that is wrong in one message.
    """

    individual: str
    media: str
    start_seconds: float
    end_seconds: float
    modality: Modality = "image"
    name: str | None = None
    species: str | None = None
    captured_at: datetime | None = None
    frame_index: int | None = None
    box: Box | None = None
    frame_width_px: int | None = None
    frame_height_px: int | None = None
    low_frequency_hz: float | None = None
    high_frequency_hz: float | None = None
    tracklet: int | None = None
    similarity: float | None = None
    probability: float | None = None
    quality: float | None = None
    occasion: str | None = None
    deployment: str | None = None
    place: str | None = None
    decided_by: str = AUTOMATIC

    def __post_init__(self) -> None:
        for names, convert in _CONVERSIONS:
            for name in names:
                value = getattr(self, name)
                object.__setattr__(self, name, None if value is None else convert(value))
        problems = list(_problems(self))
        if problems:
            raise ValueError(
                f"A sighting of individual {self.individual!r} in {self.media!r} cannot be: "
                f"{'; '.join(problems)}."
            )

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
        return self._moment(self.start_seconds)

    @property
    def ended_at(self) -> datetime | None:
        """When the sighting ends, as `started_at`."""
        return self._moment(self.end_seconds)

    def _moment(self, seconds: float) -> datetime | None:
        if self.captured_at is None:
            return None
        try:
            return self.captured_at + timedelta(seconds=seconds)
        except OverflowError as error:
            raise ValueError(
                f"{seconds} s after {self.captured_at.isoformat()} is no date (sighting of individual "
                f"{self.individual!r} in {self.media!r})."
            ) from error


def _text(value: object) -> str | None:
    return str(value) or None


def _box(value: Box) -> Box:
    left, top, right, bottom = (float(side) for side in value)
    return left, top, right, bottom


_CONVERSIONS: tuple[tuple[tuple[str, ...], Callable[..., object]], ...] = (
    (
        ("individual", "media", "name", "species", "occasion", "deployment", "place", "decided_by"),
        _text,
    ),
    (
        (
            "start_seconds",
            "end_seconds",
            "low_frequency_hz",
            "high_frequency_hz",
            "similarity",
            "probability",
            "quality",
        ),
        float,
    ),
    (("frame_index", "frame_width_px", "frame_height_px", "tracklet"), operator.index),
    (("box",), _box),
)


def _problems(sighting: IdentifiedSighting) -> list[str]:
    problems = [
        f"{name} is missing"
        for name in ("individual", "media", "start_seconds", "end_seconds", "decided_by")
        if getattr(sighting, name) is None
    ]
    if problems:
        return problems
    if sighting.modality not in MODALITIES:
        problems.append(
            f"modality must be one of {', '.join(MODALITIES)}, received {sighting.modality!r}"
        )
    if not 0 <= sighting.start_seconds <= sighting.end_seconds < math.inf:
        problems.append(
            "times must be 0 <= start_seconds <= end_seconds, received "
            f"{sighting.start_seconds} and {sighting.end_seconds}"
        )
    if not isinstance(sighting.captured_at, datetime | None):
        problems.append(f"captured_at must be a datetime, received {sighting.captured_at!r}")
    for name, (low, high) in _RANGES.items():
        value = getattr(sighting, name)
        if value is not None and not low <= value <= high:
            problems.append(f"{name} must be in [{low}, {high}], received {value}")
    if sighting.box is not None and not _is_box(sighting.box):
        problems.append(
            "box must be (left, top, right, bottom) with left < right and top < bottom, received "
            f"{sighting.box}"
        )
    lower, upper = sighting.low_frequency_hz, sighting.high_frequency_hz
    if lower is not None and upper is not None and not lower <= upper:
        problems.append(
            f"low_frequency_hz must not be above high_frequency_hz, received {lower}, {upper}"
        )
    return problems


_MOST = 2**63 - 1  # what a table's whole number holds
_RANGES: dict[str, tuple[float, float]] = {
    "frame_index": (0, _MOST),
    "frame_width_px": (1, _MOST),
    "frame_height_px": (1, _MOST),
    "tracklet": (-_MOST, _MOST),
    "low_frequency_hz": (0, 1e9),
    "high_frequency_hz": (0, 1e9),
    "similarity": (-1.001, 1.001),  # of float32 vectors a little more than 1 is possible
    "probability": (0, 1),
    "quality": (0, 1),
}


def _is_box(box: Box) -> bool:
    left, top, right, bottom = box
    return all(map(math.isfinite, box)) and left < right and top < bottom
