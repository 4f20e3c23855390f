"""Opening what only PyAV opens, and decoding one of its streams past the damaged places."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar, cast

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container.input import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from media.files import not_decodable, read_head

FrameT = TypeVar("FrameT", AudioFrame, VideoFrame)

# A playlist that poses as a recording must not make FFmpeg open addresses on the network.
_LOCAL_FILES_ONLY = {"protocol_whitelist": "file"}
_MOST_PLANES = 8
_PLAYLISTS = frozenset({"concat", "hls", "dash", "imf"})
"""FFmpeg's names of what holds no sound or pictures itself, but names other files that do."""


@contextmanager
def open_container(path: Path, expected: str) -> Iterator[InputContainer]:
    """The file opened by FFmpeg.

    Args:
        path: the file.
        expected: what the caller hopes to find, for the error message.
    Raises:
        FileNotFoundError: nothing is at this path.
        UnreadableMediaError: FFmpeg does not understand it, or it is a playlist.
    """
    read_head(path)
    address = str(path.absolute())  # absolute: never taken for "http:..." or "concat:..."
    try:
        try:
            container = av.open(address, options=_LOCAL_FILES_ONLY)
        except UnicodeDecodeError:  # PyAV before 19 insists that tags are UTF-8
            container = av.open(address, options=_LOCAL_FILES_ONLY, metadata_errors="replace")
    except (av.FFmpegError, UnicodeError) as error:
        raise not_decodable(path, expected) from error
    with container:
        if container.format.name.split(",")[0] in _PLAYLISTS:
            raise not_decodable(path, expected)
        yield container


def _for_numpy(frames: Sequence[object]) -> list[object]:
    """Frames in a form that PyAV hands to NumPy: of others it raises, or reads beyond their end.

    It takes the eight planes that FFmpeg promises for all there are, and the process dies.
    """
    safe: list[object] = []
    for frame in frames:
        if isinstance(frame, AudioFrame) and _is_beyond_pyav(frame):
            safe += av.AudioResampler(format="dbl").resample(frame)
        else:
            safe.append(frame)
    return safe


def _is_beyond_pyav(frame: AudioFrame) -> bool:
    has_many_planes = frame.format.is_planar and frame.layout.nb_channels > _MOST_PLANES
    return has_many_planes or frame.format.name.startswith("s64")


class StreamDecoder(Generic[FrameT]):
    """The frames of one stream, in order; packets that cannot be decoded are skipped and counted.

    Attributes:
        num_broken_packets: packets skipped so far.
        stopped_by: FFmpeg's words, if the container itself broke off; else None.
    """

    def __init__(self, container: InputContainer, stream: AudioStream | VideoStream) -> None:
        self._container, self._stream = container, stream
        self._packets = container.demux(stream)
        self.num_broken_packets = self._num_broken_at_end = 0
        self.stopped_by: str | None = None

    def __iter__(self) -> Iterator[FrameT]:
        while True:
            try:
                packet = next(self._packets, None)
            except av.FFmpegError as error:
                self.stopped_by = error.strerror or str(error)
                return
            except IndexError:  # of a stream that a damaged header did not announce: read on
                self._packets = self._container.demux(self._stream)
                continue
            if packet is None:
                return
            try:
                # Of one stream only, which PyAV's types do not say.
                frames = cast("list[FrameT]", _for_numpy(packet.decode()))
            except av.FFmpegError:
                self.num_broken_packets += 1
                self._num_broken_at_end += 1
                continue
            if frames:
                self._num_broken_at_end = 0
            yield from frames

    def forgive_end(self) -> None:
        """Count no packet behind the last frame: in some formats that is no sound anyway."""
        self.num_broken_packets -= self._num_broken_at_end
        self._num_broken_at_end = 0

    @property
    def damage(self) -> str | None:
        """What went wrong so far, in words; None if nothing did."""
        if self.stopped_by is not None:
            return f"it breaks off ({self.stopped_by})"
        if self.num_broken_packets:
            return f"{self.num_broken_packets} packets could not be decoded"
        return None
