"""Videos: frames, and the sound of the same moments."""

import logging
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame

from media.containers import StreamDecoder
from media.errors import UnreadableMediaError
from media.files import not_decodable, read_head
from media.sound_track import SoundTrack, read_sound_track
from media.video_frames import (
    DecodedFrames,
    clock_zero,
    frame_to_rgb,
    open_video_stream,
    sample_evenly,
    with_numbers,
)

logger = logging.getLogger(__name__)

VIDEO_EXTENSIONS: frozenset[str] = frozenset(
    {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"}
    | {".wmv", ".flv", ".3gp", ".ogv"}
)
"""What a folder scan takes for a video (lower case). The loaders themselves go by content."""


@dataclass(frozen=True)
class VideoInfo:
    """What a video holds. Times are on one clock, which is 0 where its earliest stream begins.

    Attributes:
        width: pixels, as shown (after rotation).
        height: pixels, as shown.
        rotation_degrees: by how much the stored frames are turned, counter-clockwise.
        duration_seconds: float; None where the file does not tell.
        average_frames_per_second: float; None where the file does not tell.
        has_audio: whether there is a sound track.
        video_start_seconds: when the first frame is shown.
        audio_start_seconds: when the first sound is heard; None without a sound track.
    """

    width: int
    height: int
    rotation_degrees: int
    duration_seconds: float | None
    average_frames_per_second: float | None
    has_audio: bool
    video_start_seconds: float
    audio_start_seconds: float | None


@dataclass(frozen=True)
class Moment:
    """A frame of a video and the sound around it.

    Attributes:
        time_seconds: when the frame is shown, on the clock of `VideoInfo`.
        frame_index: its number among the decoded frames of the video, from 0.
        frame: uint8 [height, width, 3], RGB, upright.
        waveform: float32 [num_samples], mono, centred on `time_seconds`; shorter where the sound
            track begins or ends within the window; None where there is no sound at all.
    """

    time_seconds: float
    frame_index: int
    frame: np.ndarray
    waveform: np.ndarray | None


def probe_video(path: str | Path) -> VideoInfo:
    """A video's size, length and timing. Decodes its first frame, which alone knows the rotation.

    Raises:
        FileNotFoundError: nothing is at this path.
        UnreadableMediaError: it is not a video, or not one frame of it can be decoded.
    """
    path = Path(path)
    with open_video_stream(path) as (container, stream):
        frame = next(iter(StreamDecoder[VideoFrame](container, stream)), None)
        if frame is None:
            raise not_decodable(path, "a video")
        is_sideways = frame.rotation % 180 == 90
        sides = (frame.height, frame.width) if is_sideways else (frame.width, frame.height)
        zero_seconds = clock_zero(container)
        audio = container.streams.audio[0] if container.streams.audio else None
        rate = stream.average_rate
        return VideoInfo(
            width=sides[0],
            height=sides[1],
            rotation_degrees=frame.rotation,
            duration_seconds=container.duration / av.time_base if container.duration else None,
            average_frames_per_second=float(rate) if rate else None,
            has_audio=audio is not None,
            video_start_seconds=(frame.time or 0.0) - zero_seconds,
            audio_start_seconds=(
                None
                if audio is None
                else float((audio.start_time or 0) * (audio.time_base or 0)) - zero_seconds
            ),
        )


def iter_moments(
    path: str | Path,
    *,
    frames_per_second: float | None = 1.0,
    audio_seconds: float | None = 5.0,
    sample_rate_hz: int = 16000,
    frame_indices: Collection[int] | None = None,
) -> Iterator[Moment]:
    """The frames of a video at even times, each with the sound around it.

    Goes by timestamps, not by frame numbers: variable frame rates and streams that start at
    different times come out right. The grid of times begins at the first frame; at each of its
    points the first frame not earlier is taken, and never one twice. Frames are streamed; the sound
    track is decoded once and held (230 MB per hour at 16 kHz). A video damaged on the way gives
    what can be decoded, and a warning in the log.

    Args:
        path: the file.
        frames_per_second: float > 0, how many moments per second; None for every frame.
        audio_seconds: float > 0, the length of the sound around each frame; None for no sound.
        sample_rate_hz: int > 0, of the sound.
        frame_indices: int >= 0 each; only the frames with these numbers are looked at, and nothing is
            decoded behind the last of them. Numbers beyond the end give nothing. None for any frame.
    Yields:
        `Moment`, in the order of time.
    Raises:
        FileNotFoundError: nothing is at this path (at the call).
        ValueError: an option out of its range (at the call).
        UnreadableMediaError: not a video, or not one frame can be decoded (at the first step).
    """
    for name, value in {
        "frames_per_second": frames_per_second,
        "audio_seconds": audio_seconds,
        "sample_rate_hz": sample_rate_hz,
    }.items():
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f"Expected {name} > 0, received {value}.")
    path = Path(path)
    read_head(path)
    chosen = None if frame_indices is None else frozenset(frame_indices)
    return _iter_moments(path, frames_per_second, audio_seconds, sample_rate_hz, chosen)


def _iter_moments(
    path: Path,
    frames_per_second: float | None,
    audio_seconds: float | None,
    sample_rate_hz: int,
    frame_indices: frozenset[int] | None,
) -> Iterator[Moment]:
    with open_video_stream(path) as (container, stream):
        zero_seconds = clock_zero(container)
        sound: SoundTrack | None = None
        if audio_seconds is not None and container.streams.audio:
            sound = _read_sound_or_warn(path, sample_rate_hz)
        decoded = DecodedFrames(path, container, stream)
        frames = with_numbers(decoded, frame_indices)
        for index, seconds, frame in sample_evenly(frames, frames_per_second):
            waveform = None
            if sound is not None and audio_seconds is not None:
                waveform = sound.around(seconds, audio_seconds)
            yield Moment(seconds - zero_seconds, index, frame_to_rgb(path, frame), waveform)
        if decoded.damage is not None:
            told = "'%s' is damaged: %s. %d frames are used."
            logger.warning(told, path, decoded.damage, decoded.num_frames)


def _read_sound_or_warn(path: Path, sample_rate_hz: int) -> SoundTrack | None:
    """Frames are worth having without their sound."""
    try:
        return read_sound_track(path, sample_rate_hz)
    except UnreadableMediaError as error:
        logger.warning("The sound of '%s' is not used: %s", path, error.reason)
        return None
