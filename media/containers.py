"""What PyAV (FFmpeg) opens, and its streams decoded past the damaged places."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar, cast

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container.input import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from media.errors import UnreadableMediaError
from media.files import describe_content, not_decodable, read_head

LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 100, 4_000_000
MAX_FRAME_PIXELS = 100_000_000
"""Three times 8K. A damaged header may ask for more, and a decoder holds many frames."""

FrameT = TypeVar("FrameT", AudioFrame, VideoFrame)

# A playlist that poses as a recording must not make FFmpeg open addresses on the network.
_LOCAL_FILES_ONLY = {"protocol_whitelist": "file"}
_PLAYLISTS = frozenset({"concat", "hls", "dash", "imf"})
"""FFmpeg's names of what holds no sound or pictures itself, but names other files that do."""


@contextmanager
def open_container(path: Path, expected: str) -> Iterator[InputContainer]:
    """The file opened by FFmpeg; `expected` is what the caller hopes to find, for the error message.

    Raises:
        FileNotFoundError: nothing is at this path.
        UnreadableMediaError: FFmpeg does not understand it, or it is a playlist.
    """
    read_head(path)
    address = str(path.absolute())  # absolute: never taken for "http:..." or "concat:..."
    try:
        container = av.open(address, options=_LOCAL_FILES_ONLY, metadata_errors="replace")
    except (av.FFmpegError, UnicodeError) as error:
        raise not_decodable(path, expected) from error
    with container:
        if container.format.name.split(",")[0] in _PLAYLISTS:
            raise not_decodable(path, expected)
        yield container


@contextmanager
def open_audio_stream(path: Path) -> Iterator[tuple[InputContainer, AudioStream]]:
    """The file opened by FFmpeg, and its first sound stream.

    Raises:
        FileNotFoundError: nothing is at this path.
        UnreadableMediaError: FFmpeg does not open it, no sound, or an absurd sample rate.
    """
    with open_container(path, "a recording") as container:
        # Without a decoder for it, a stream has no codec context.
        streams = [stream for stream in container.streams.audio if stream.codec_context]
        if not streams:
            raise _lacks(path, "a recording", "sound", "Move it out of the recordings.")
        check_rate(path, streams[0].codec_context.sample_rate)
        yield container, streams[0]


@contextmanager
def open_video_stream(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The file opened by FFmpeg, and its first stream of moving pictures; raises likewise."""
    with open_container(path, "a video") as container:
        # The cover picture of a music file counts as a video stream in FFmpeg.
        streams = [
            stream
            for stream in container.streams.video
            if stream.codec_context and not stream.disposition & av.stream.Disposition.attached_pic
        ]
        if not streams:
            raise _lacks(path, "a video", "moving pictures", "Move it out of the videos.")
        context = streams[0].codec_context
        if context.width * context.height > MAX_FRAME_PIXELS:
            raise UnreadableMediaError(
                path,
                f"its header announces frames of {context.width} x {context.height} pixels, more"
                f" than the {MAX_FRAME_PIXELS // 10**6} million accepted. Scale it down, or copy"
                " it again.",
            )
        streams[0].thread_type = "AUTO"
        context.options = {"max_pixels": str(MAX_FRAME_PIXELS)}
        yield container, streams[0]


def _lacks(path: Path, expected: str, lacking: str, remedy: str) -> UnreadableMediaError:
    found = describe_content(read_head(path))
    return UnreadableMediaError(
        path,
        f"expected {expected}, found {found} without {lacking} that FFmpeg can decode. {remedy}",
    )


class StreamDecoder(Generic[FrameT]):
    """The frames of one stream, in order; packets that cannot be decoded are skipped and counted.

    Attributes:
        num_broken_packets: packets skipped so far.
        stopped_by: FFmpeg's words, if the container itself broke off; else None.
        last_packet: the last one that held anything.
    """

    def __init__(self, container: InputContainer, stream: AudioStream | VideoStream) -> None:
        self._container, self._stream = container, stream
        self._packets = container.demux(stream)
        self.num_broken_packets = self._num_broken_at_end = 0
        self.stopped_by: str | None = None
        self.last_packet: av.Packet | None = None

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
            if packet.size:
                self.last_packet = packet
            try:
                # Of one stream only, which PyAV's types do not say.
                frames = cast("list[FrameT]", packet.decode())
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
            num = self.num_broken_packets
            return f"{num} packet{'s' if num > 1 else ''} could not be decoded"
        return None


def check_rate(path: Path, sample_rate_hz: int) -> None:
    """A damaged header would blow seconds up to days."""
    if not LOWEST_RATE_HZ <= sample_rate_hz <= HIGHEST_RATE_HZ:
        raise UnreadableMediaError(
            path,
            f"its header says {sample_rate_hz} samples per second, expected {LOWEST_RATE_HZ} to"
            f" {HIGHEST_RATE_HZ}. The header is damaged: copy the file again from its source.",
        )
