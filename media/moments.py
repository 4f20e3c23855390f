"""The frames of a video, and the sound of the same moments."""

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from media.containers import open_video_stream
from media.errors import UnreadableMediaError, check_positive
from media.sound_stream import stream_sound_track
from media.video import FrameStream, TimedFrame

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Moment(TimedFrame):
    """A frame of a video and the sound around it: a `TimedFrame` with one attribute more.

    Attributes:
        waveform: float32 [num_samples], mono, centred on `time_seconds`; shorter where the sound
            track begins or ends within the window; None where there is no sound at all.
    """

    waveform: np.ndarray | None


def iter_moments(
    path: str | Path,
    *,
    frames_per_second: float | None = 1.0,
    audio_seconds: float | None = None,
    sample_rate_hz: int | None = None,
    frame_indices: Collection[int] | None = None,
) -> Iterator[Moment]:
    """The frames of a video at even times, each with the sound around it.

    Goes by timestamps, not by frame numbers: variable frame rates and streams that start at
    different times come out right. The grid of times begins at the first frame; at each of its
    points the first frame not earlier is taken, and never one twice. Frames are streamed; the sound
    track is decoded once and held (4 bytes a sample). A video damaged on the way gives
    what can be decoded, and a warning in the log.

    Args:
        path: the file.
        frames_per_second: float > 0, how many moments per second; None for every frame.
        audio_seconds: float > 0, the length of the sound around each frame; None for no sound.
        sample_rate_hz: int > 0, of the sound; needed where there is to be some.
        frame_indices: int >= 0 each; only the frames with these numbers are looked at, and nothing is
            decoded behind the last of them. Numbers beyond the end give nothing. None for any frame.
    Yields:
        `Moment`, in the order of time.
    Raises:
        FileNotFoundError: nothing is at this path.
        ValueError: an option out of its range.
        UnreadableMediaError: not a video, or not one frame can be decoded.
    """
    check_positive(
        frames_per_second=frames_per_second,
        audio_seconds=audio_seconds,
        sample_rate_hz=sample_rate_hz,
    )
    if audio_seconds is not None and sample_rate_hz is None:
        raise ValueError("Expected sample_rate_hz, of the sound around each frame; received None.")
    path = Path(path)
    indices = None if frame_indices is None else frozenset(frame_indices)
    with open_video_stream(path) as (container, stream):
        track, start_seconds = None, 0.0
        rate, window_seconds = sample_rate_hz or 0, audio_seconds or 0.0
        if window_seconds and container.streams.audio:
            try:
                track, start_seconds = read_sound_track(path, rate)
            except UnreadableMediaError as error:  # frames are worth having without their sound
                logger.warning("The sound of '%s' is not used: %s", path, error.reason)
        frames = FrameStream(path, container, stream, frames_per_second, indices)
        for shown in frames:
            waveform = None
            if track is not None:
                seconds = shown.time_seconds + frames.zero_seconds - window_seconds / 2
                first = round((seconds - start_seconds) * rate)
                piece = track[max(0, first) : max(0, first + round(window_seconds * rate))]
                waveform = piece if len(piece) else None
            yield Moment(shown.time_seconds, shown.frame_index, shown.frame, waveform)
        if frames.damage is not None:
            told = "'%s' is damaged: %s. %d frames are used."
            logger.warning(told, path, frames.damage, frames.num_frames)


def read_sound_track(path: Path, sample_rate_hz: int) -> tuple[np.ndarray, float]:
    """The whole first sound track of a video, so that any moment can be cut out of it.

    Where the track pauses, the waveform holds zeros of that length.

    Returns:
        float32 [num_samples], mono, full scale at [-1, 1]; and when its first sample is heard, in
        seconds on the file's own clock.
    Raises:
        UnreadableMediaError: as `stream_sound_track`; or NaN or infinite samples.
    """
    with stream_sound_track(path, sample_rate_hz=sample_rate_hz) as stream:
        blocks = list(stream)
    if not all(block.is_finite.all() for block in blocks):
        raise UnreadableMediaError(
            path, "its sound holds NaN or infinite samples. Export it again."
        )
    waveform = np.concatenate([block.waveform for block in blocks])
    for note in stream.outcome.notes:
        logger.warning(note, path)
    if stream.outcome.damage is not None:
        told = "The sound of '%s': %s. %.2f s are used."
        logger.warning(told, path, stream.outcome.damage, len(waveform) / sample_rate_hz)
    return waveform, stream.start_seconds
