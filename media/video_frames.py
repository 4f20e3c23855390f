"""The frames of a video, one after the other, with what went wrong on the way."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container.input import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from media.containers import StreamDecoder, open_container
from media.content import describe_content
from media.errors import UnreadableMediaError
from media.files import not_decodable, read_head

NumberedFrame = tuple[int, float, VideoFrame]
"""A frame's number, and its time in seconds on the file's own clock."""

MAX_FRAME_PIXELS = 100_000_000
"""Three times 8K. A damaged header may ask for more, and a decoder holds many frames."""

_COLOURS_UNSPECIFIED = 2
"""FFmpeg's AVCOL_SPC_UNSPECIFIED."""
_EARLY_BY = 1e-3
"""A frame this much (of a sampling period) before its turn is on time: timestamps are rounded."""


@dataclass(frozen=True)
class TimedFrame:
    """A frame of a video.

    Attributes:
        time_seconds: when it is shown, on the clock of `VideoInfo`.
        frame_index: its number among the decoded frames of the video, from 0.
        frame: uint8 [height, width, 3], RGB, upright.
    """

    time_seconds: float
    frame_index: int
    frame: np.ndarray


class FrameStream:
    """A video's frames at even times, decoded as they are asked for; see `stream_frames`.

    Attributes:
        zero_seconds: what the clock of `VideoInfo` shows as 0, on the file's own clock.
    """

    def __init__(
        self, decoded: "DecodedFrames", zero_seconds: float, frames_per_second: float | None
    ) -> None:
        self._decoded, self._frames_per_second = decoded, frames_per_second
        self.zero_seconds = zero_seconds

    def __iter__(self) -> Iterator[TimedFrame]:
        for index, seconds, frame in sample_evenly(self._decoded, self._frames_per_second):
            image = frame_to_rgb(self._decoded.path, frame)
            yield TimedFrame(seconds - self.zero_seconds, index, image)

    @property
    def decoded_seconds(self) -> float:
        """How much film was decoded so far."""
        return self._decoded.decoded_seconds

    @property
    def expected_seconds(self) -> float | None:
        """How much film the header announces; None where it does not tell."""
        return self._decoded.expected_seconds or None

    @property
    def damage(self) -> str | None:
        """After the last frame: what went wrong, in words; None if nothing did."""
        return self._decoded.damage


@contextmanager
def stream_frames(
    path: str | Path, *, frames_per_second: float | None = 1.0
) -> Iterator[FrameStream]:
    """A video's frames at even times, one in memory at a time; the frames of `iter_moments`, without sound.

    Args:
        path: the file.
        frames_per_second: float > 0; None for every frame.
    Yields:
        `FrameStream`, which gives `TimedFrame`s in the order of time, and afterwards tells of damage.
    Raises:
        FileNotFoundError: nothing is at this path.
        ValueError: frames_per_second out of its range.
        UnreadableMediaError: not a video; or, while iterating, not one frame can be decoded.
    """
    if frames_per_second is not None and not 0 < frames_per_second < math.inf:
        raise ValueError(f"Expected frames_per_second > 0, received {frames_per_second}.")
    path = Path(path)
    with open_video_stream(path) as (container, stream):
        decoded = DecodedFrames(path, container, stream)
        yield FrameStream(decoded, clock_zero(container), frames_per_second)


@contextmanager
def open_video_stream(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The file opened by FFmpeg, and its first stream of moving pictures.

    Raises:
        FileNotFoundError: nothing is at this path.
        UnreadableMediaError: FFmpeg does not open it, it holds no moving pictures, or enormous ones.
    """
    with open_container(path, "a video") as container:
        # The cover picture of a music file counts as a video stream in FFmpeg.
        streams = [
            stream
            for stream in container.streams.video
            if stream.codec_context  # None where there is no decoder for it
            and not stream.disposition & av.stream.Disposition.attached_pic
        ]
        if not streams:
            raise UnreadableMediaError(
                path,
                f"expected a video, found {describe_content(read_head(path))} without moving"
                " pictures that FFmpeg can decode. Move it out of the videos.",
            )
        _check_size(path, streams[0])
        streams[0].thread_type = "AUTO"
        streams[0].codec_context.options = {"max_pixels": str(MAX_FRAME_PIXELS)}
        yield container, streams[0]


def _check_size(path: Path, stream: VideoStream) -> None:
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > MAX_FRAME_PIXELS:
        raise UnreadableMediaError(
            path,
            f"its header announces frames of {width} x {height} pixels, more than the"
            f" {MAX_FRAME_PIXELS // 10**6} million accepted. Scale it down, or copy it again.",
        )


def clock_zero(container: InputContainer) -> float:
    """When the earliest stream begins, on the file's own clock, which may start anywhere."""
    return (container.start_time or 0) / av.time_base


class DecodedFrames:
    """Every frame that comes out whole, with its number and its time on the file's own clock.

    A frame of which the decoder had to invent a part counts in the numbers but does not come.

    Attributes:
        path: of the file.
        num_frames: int, whole ones so far.
        decoded_seconds: float, of film, so far.
        expected_seconds: float, what the header announces; 0 where it does not tell.
        damage: after the last frame: what went wrong, in words; None if nothing did.
    """

    def __init__(self, path: Path, container: InputContainer, stream: VideoStream) -> None:
        self.path = path
        self._frame_seconds = float(1 / stream.average_rate) if stream.average_rate else 1 / 25
        self._decoder: StreamDecoder[VideoFrame] = StreamDecoder(container, stream)
        self.expected_seconds = float((stream.duration or 0) * (stream.time_base or 0))
        if not self.expected_seconds and not container.streams.audio:  # else it may be the sound's
            self.expected_seconds = (container.duration or 0) / av.time_base
        self.num_frames = self._num_spoilt = 0
        self.decoded_seconds = 0.0
        self.damage: str | None = None

    def __iter__(self) -> Iterator[NumberedFrame]:
        first_seconds, seconds = 0.0, -self._frame_seconds
        for index, frame in enumerate(self._decoder):
            seconds = seconds + self._frame_seconds if frame.time is None else frame.time
            first_seconds = seconds if index == 0 else first_seconds
            self.decoded_seconds = seconds - first_seconds + self._frame_seconds
            if frame.is_corrupt:  # FFmpeg has filled its holes with other pictures, or grey
                self._num_spoilt += 1
                continue
            self.num_frames += 1
            yield index, seconds, frame
        if not self.num_frames:
            raise not_decodable(self.path, "a video")
        found = (self._decoder.damage or self._what_is_missing(), self._what_is_spoilt())
        self.damage = "; ".join(words for words in found if words) or None

    def _what_is_missing(self) -> str | None:
        expected = self.expected_seconds
        if self.decoded_seconds >= 0.95 * expected - 2 * self._frame_seconds:
            return None
        return f"its frames end at {self.decoded_seconds:.2f} s of {expected:.2f} s"

    def _what_is_spoilt(self) -> str | None:
        if not self._num_spoilt:
            return None
        return f"{self._num_spoilt} frames came out with holes and are left out"


def with_numbers(
    frames: Iterable[NumberedFrame], frame_indices: frozenset[int] | None
) -> Iterator[NumberedFrame]:
    """Only the frames with these numbers, and nothing is decoded behind the last; None for all."""
    last = max(frame_indices, default=-1) if frame_indices is not None else math.inf
    for index, seconds, frame in frames:
        if frame_indices is None or index in frame_indices:
            yield index, seconds, frame
        if index >= last:
            return


def sample_evenly(
    frames: Iterable[NumberedFrame], frames_per_second: float | None
) -> Iterator[NumberedFrame]:
    """At each point of an even grid of times, the first frame that is not earlier."""
    start_seconds: float | None = None
    next_point = 0
    for index, seconds, frame in frames:
        if start_seconds is None:
            start_seconds = seconds
        if frames_per_second is not None:
            position = (seconds - start_seconds) * frames_per_second + _EARLY_BY
            if position < next_point:
                continue
            next_point = math.floor(position) + 1
        yield index, seconds, frame


def frame_to_rgb(path: Path, frame: VideoFrame) -> np.ndarray:
    """FFmpeg's frame of any pixel format as uint8 RGB, turned as its metadata ask.

    Raises:
        UnreadableMediaError: FFmpeg cannot convert it.
    """
    try:
        image = _convert(frame)
    except (av.FFmpegError, ValueError) as error:
        raise UnreadableMediaError(
            path,
            f"its frames of {frame.width} x {frame.height} {frame.format.name} pixels cannot be"
            f" shown as RGB ({error}). Convert it, or copy it again.",
        ) from error
    return np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90)))


def _convert(frame: VideoFrame) -> np.ndarray:
    try:
        return frame.to_ndarray(format="rgb24")
    except av.FFmpegError:  # a matrix of colours that no standard knows: then FFmpeg's default
        frame.colorspace = _COLOURS_UNSPECIFIED
        return frame.to_ndarray(format="rgb24")
