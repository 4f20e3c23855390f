"""Videos: what they hold, and their frames, one after the other, with what went wrong on the way."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container.input import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from media.containers import StreamDecoder, open_video_stream
from media.errors import UnreadableMediaError, check_positive
from media.files import not_decodable

VIDEO_EXTENSIONS: frozenset[str] = frozenset(
    {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"}
    | {".wmv", ".flv", ".3gp", ".ogv"}
)
"""What a folder scan takes for a video (lower case). The loaders themselves go by content."""

_COLOURS_UNSPECIFIED = 2
"""FFmpeg's AVCOL_SPC_UNSPECIFIED."""
_EARLY_BY = 1e-3
"""A frame this much (of a sampling period) before its turn is on time: timestamps are rounded."""


@dataclass(frozen=True)
class VideoInfo:
    """What a video holds.

    Attributes:
        width: pixels, as shown (after rotation).
        height: pixels, as shown.
        rotation_degrees: by how much the stored frames are turned, counter-clockwise.
        duration_seconds: float; None where the file does not tell.
        average_frames_per_second: float; None where the file does not tell.
        has_audio: whether there is a sound track.
    """

    width: int
    height: int
    rotation_degrees: int
    duration_seconds: float | None
    average_frames_per_second: float | None
    has_audio: bool


@dataclass(frozen=True)
class TimedFrame:
    """A frame of a video.

    Attributes:
        time_seconds: when it is shown, on a clock that is 0 where the file's earliest stream begins.
        frame_index: its number among the decoded frames of the video, from 0.
        frame: uint8 [height, width, 3], RGB, upright.
    """

    time_seconds: float
    frame_index: int
    frame: np.ndarray


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
        rate = stream.average_rate
        return VideoInfo(
            width=sides[0],
            height=sides[1],
            rotation_degrees=frame.rotation,
            duration_seconds=container.duration / av.time_base if container.duration else None,
            average_frames_per_second=float(rate) if rate else None,
            has_audio=bool(container.streams.audio),
        )


@contextmanager
def stream_frames(
    path: str | Path, *, frames_per_second: float | None = 1.0
) -> Iterator["FrameStream"]:
    """A video's frames at even times, one in memory at a time: those of `iter_moments`, without sound.

    Args:
        path: the file.
        frames_per_second: float > 0; None for every frame.
    Returns:
        A context manager that gives the `FrameStream`.
    Raises:
        FileNotFoundError: nothing is at this path (on entering).
        ValueError: frames_per_second out of its range (on entering).
        UnreadableMediaError: not a video (on entering); or not one frame can be decoded (while
            iterating).
    """
    check_positive(frames_per_second=frames_per_second)
    path = Path(path)
    with open_video_stream(path) as (container, stream):
        yield FrameStream(path, container, stream, frames_per_second)


class FrameStream:
    """A video's frames at even times, decoded as they are asked for: iterating gives `TimedFrame`s.

    A frame of which the decoder had to invent a part counts in the numbers but does not come.

    Attributes:
        zero_seconds: where the clock of `TimedFrame` is 0, on the file's own clock, which may start
            anywhere.
        num_frames: int, how many whole ones were decoded so far.
        decoded_seconds: float, how much film was decoded so far.
        expected_seconds: how much the header announces; None where it does not tell.
        damage: after the last frame: what went wrong, in words; None if nothing did.
    """

    def __init__(
        self,
        path: Path,
        container: InputContainer,
        stream: VideoStream,
        frames_per_second: float | None,
        frame_indices: frozenset[int] | None = None,
    ) -> None:
        self._path, self._frames_per_second, self._indices = path, frames_per_second, frame_indices
        self._decoder: StreamDecoder[VideoFrame] = StreamDecoder(container, stream)
        self._frame_seconds = float(1 / stream.average_rate) if stream.average_rate else 1 / 25
        self.zero_seconds = (container.start_time or 0) / av.time_base
        seconds = float((stream.duration or 0) * (stream.time_base or 0))
        if not seconds and not container.streams.audio:  # else it may be the sound's
            seconds = (container.duration or 0) / av.time_base
        self.expected_seconds = seconds or None
        self.num_frames, self.decoded_seconds = 0, 0.0
        self.damage: str | None = None

    def __iter__(self) -> Iterator[TimedFrame]:
        last = math.inf if self._indices is None else max(self._indices, default=-1)
        start_seconds: float | None = None
        next_point = 0
        for index, seconds, frame in self._whole_frames():
            is_due = self._indices is None or index in self._indices
            if is_due and self._frames_per_second is not None:
                start_seconds = seconds if start_seconds is None else start_seconds
                position = (seconds - start_seconds) * self._frames_per_second + _EARLY_BY
                is_due = position >= next_point
                next_point = math.floor(position) + 1 if is_due else next_point
            if is_due:
                image = frame_to_rgb(self._path, frame)
                yield TimedFrame(seconds - self.zero_seconds, index, image)
            if index >= last:
                return

    def _whole_frames(self) -> Iterator[tuple[int, float, VideoFrame]]:
        """Their numbers, and their times on the file's own clock."""
        first_seconds, seconds, num_spoilt = 0.0, -self._frame_seconds, 0
        for index, frame in enumerate(self._decoder):
            seconds = seconds + self._frame_seconds if frame.time is None else frame.time
            first_seconds = seconds if index == 0 else first_seconds
            self.decoded_seconds = seconds - first_seconds + self._frame_seconds
            if frame.is_corrupt:  # FFmpeg has filled its holes with other pictures, or grey
                num_spoilt += 1
                continue
            self.num_frames += 1
            yield index, seconds, frame
        if not self.num_frames:
            raise not_decodable(self._path, "a video")
        found = [self._decoder.damage]
        expected = self.expected_seconds or 0.0
        if not found[0] and self.decoded_seconds < 0.95 * expected - 2 * self._frame_seconds:
            found = [f"its frames end at {self.decoded_seconds:.2f} s of {expected:.2f} s"]
        if num_spoilt:
            found.append(f"{num_spoilt} frames came out with holes and are left out")
        self.damage = "; ".join(filter(None, found)) or None


def frame_to_rgb(path: Path, frame: VideoFrame) -> np.ndarray:
    """FFmpeg's frame of any pixel format as uint8 RGB, turned as its metadata ask.

    Raises:
        UnreadableMediaError: FFmpeg cannot convert it.
    """
    try:
        try:
            image = frame.to_ndarray(format="rgb24")
        except av.FFmpegError:  # a matrix of colours that no standard knows: FFmpeg's default
            frame.colorspace = _COLOURS_UNSPECIFIED
            image = frame.to_ndarray(format="rgb24")
    except (av.FFmpegError, ValueError) as error:
        raise UnreadableMediaError(
            path,
            f"its frames of {frame.width} x {frame.height} {frame.format.name} pixels cannot be"
            f" shown as RGB ({error}). Convert it, or copy it again.",
        ) from error
    return np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90)))
