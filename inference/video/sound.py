"""Sound: which animal in view is heard, if it can be said at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from fused_encoder.audio_sequence import SilentRecordingError, TooShortRecordingError
from fused_encoder.media import Moment
from inference.embed import Embedder
from inference.video.detection import Detection

Singer = Callable[[Moment, Sequence[Detection]], int | None]
Sound = Literal["none", "alone"] | Singer
"""Whom the sound belongs to: nobody; an animal that is alone; or whom a function says."""


def check_sound(sound: Sound) -> None:
    """Refuses what is neither "none", "alone" nor a function.

    Raises:
        ValueError: it is something else.
    """
    if not callable(sound) and sound not in ("none", "alone"):
        raise ValueError(
            f"Unknown sound {sound!r}. Expected 'none', 'alone', or a function of a moment and its "
            "detections that gives the position of the one that is heard, or None."
        )


def who_may_be_heard(sound: Sound, moment: Moment, detections: Sequence[Detection]) -> int | None:
    """Position of the detection of one moment that its sound may belong to; None for nobody.

    Args:
        sound: see `Sound`.
        moment: frame and sound.
        detections: all of this frame.

    Raises:
        ValueError: the caller's function gave no position of a detection.
    """
    if sound == "none" or moment.waveform is None or not detections:
        return None
    if not callable(sound):
        return 0 if len(detections) == 1 else None
    position = sound(moment, detections)
    if position is not None and not 0 <= position < len(detections):
        raise ValueError(
            f"The function that says who is heard gave {position!r} for frame {moment.frame_index}, which "
            f"has {len(detections)} detections. Expected a position among them, or None."
        )
    return position


def audio_sequence_of(embedder: Embedder, waveform: np.ndarray) -> np.ndarray | None:
    """What YAMNet makes of the sound around a frame; None where there is nothing to be heard.

    Args:
        embedder: hears.
        waveform: float32 [num_samples], 16 kHz.

    Returns:
        float32 [num_frames, 1024], or None for a sound that is silent or too short.
    """
    try:
        return embedder.audio_sequence(waveform)
    except (SilentRecordingError, TooShortRecordingError):
        return None


def is_alone_throughout(
    detections: Sequence[Detection],
    animals: Sequence[int],
    numbers: Sequence[int],
    window_seconds: float,
) -> list[bool]:
    """Whether nothing but one animal is in view as long as the sound around a detection lasts.

    An animal that leaves just before another one comes leaves open whose sound it was.

    Args:
        detections: all of a video.
        animals: who each is, such as tracklets.
        numbers: of the detections in question.
        window_seconds: float > 0, length of the sound, centred on the detection's frame.

    Returns:
        bool for each of `numbers`.
    """
    order = np.argsort([d.time_seconds for d in detections], kind="stable")
    times = np.array([detections[i].time_seconds for i in order])
    changes = np.diff(np.asarray(animals)[order]) != 0
    num_changes = np.concatenate([[0], np.cumsum(changes)])
    asked = np.array([detections[i].time_seconds for i in numbers])
    first = np.searchsorted(times, asked - window_seconds / 2, side="left")
    last = np.searchsorted(times, asked + window_seconds / 2, side="right") - 1
    return (num_changes[last] == num_changes[first]).tolist()
