"""Sound: which animal in view is heard, if it can be said at all."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from fused_encoder.front_ends.contract import SilentRecordingError, TooShortRecordingError
from individuals.video.detection import Detection
from inference.embed import Embedder
from media import Moment

Singer = Callable[[Moment, Sequence[Detection]], int | None]
Sound = Literal["none", "alone"] | Singer
"""Whom the sound belongs to: nobody; an animal that is alone; or whom a function says."""


def check_sound(sound: Sound) -> None:
    """A ValueError for what is neither "none", "alone" nor a function."""
    if not callable(sound) and sound not in ("none", "alone"):
        raise ValueError(
            f"Unknown sound {sound!r}. Expected 'none', 'alone', or a function of a moment and its "
            "detections that gives the position of the one that is heard, or None."
        )


def who_may_be_heard(sound: Sound, moment: Moment, detections: Sequence[Detection]) -> set[int]:
    """Positions of the detections of one moment that its sound may belong to; with "alone" any."""
    if sound == "none" or moment.waveform is None:
        return set()
    if not callable(sound):
        return set(range(len(detections)))
    position = sound(moment, detections)
    if position is None:
        return set()
    if not 0 <= position < len(detections):
        raise ValueError(
            f"The function that says who is heard gave {position!r} for frame {moment.frame_index}, which "
            f"has {len(detections)} detections. Expected a position among them, or None."
        )
    return {position}


def audio_sequence_of(embedder: Embedder, waveform: np.ndarray) -> np.ndarray | None:
    """The audio sequence of the sound around a frame; None where it is silent or too short."""
    try:
        return embedder.front_end(waveform)
    except (SilentRecordingError, TooShortRecordingError):
        return None


def is_alone_throughout(
    detections: Sequence[Detection],
    animals: Sequence[int],
    times_seconds: Sequence[float],
    window_seconds: float,
) -> list[bool]:
    """Whether at most one animal is in view as long as the sound around each moment lasts, centred on it.

    An animal that leaves just before another one comes leaves open whose sound it was. `animals` says who
    each of a video's detections is, such as tracklets.
    """
    order = np.argsort([d.time_seconds for d in detections], kind="stable")
    times = np.array([detections[i].time_seconds for i in order])
    is_other = np.diff(np.asarray(animals, int)[order]) != 0  # than the detection before
    num_changes = np.concatenate([[0], np.cumsum(is_other)])
    asked = np.asarray(times_seconds, float)
    first = np.searchsorted(times, asked - window_seconds / 2, side="left")
    last = np.searchsorted(times, asked + window_seconds / 2, side="right") - 1
    is_empty = last < first
    return (is_empty | (num_changes[last] == num_changes[first.clip(0, len(times) - 1)])).tolist()
