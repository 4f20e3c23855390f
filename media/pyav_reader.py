"""Samples out of what only FFmpeg opens: M4A, AAC, WMA, WebM, sound tracks of videos."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container.input import InputContainer

from media.containers import StreamDecoder, open_container
from media.content import describe_content
from media.cut_off import lacking_end
from media.decoded_audio import DecodedAudio, check_rate
from media.errors import UnreadableMediaError
from media.excerpt import Excerpt
from media.files import read_head

_EXACTLY_SEEKABLE = frozenset({"mov"})  # FFmpeg's name for the family of MP4, M4A and MOV
"""Others round their times to milliseconds, or guess them: those are decoded from the start."""
_FORMATS_WITH_LENGTH = frozenset({"mov", "matroska", "asf", "wv", "caf", "tta", "ape"})
_LENGTH_TOLERANCE_SECONDS = 0.25
"""Encoders count their delay and the padding of the last packet, or do not."""
_RUN_UP_SECONDS = 0.5
"""Codecs with memory (AAC, Opus) need a little before they sound right."""
_MICROSECONDS = 1_000_000


@contextmanager
def open_audio_stream(path: Path) -> Iterator[tuple[InputContainer, AudioStream]]:
    """The file opened by FFmpeg, and its first sound stream.

    Raises:
        UnreadableMediaError: FFmpeg does not open it, no sound, or an absurd sample rate.
    """
    with open_container(path, "a recording") as container:
        # Without a decoder for it, a stream has no codec context.
        streams = [stream for stream in container.streams.audio if stream.codec_context]
        if not streams:
            raise UnreadableMediaError(
                path,
                f"expected a recording, found {describe_content(read_head(path))} without sound"
                " that FFmpeg can decode. Move it out of the recordings.",
            )
        stream = streams[0]
        check_rate(path, stream.codec_context.sample_rate)
        yield container, stream


class SoundBlocks:
    """The sound of one stream, frame by frame, at one rate and with one number of channels.

    Iterating gives pairs: the time of the first sample in seconds on the file's clock (None where
    the file does not tell), and float32 [num_samples, num_channels].

    Attributes:
        sample_rate_hz: int > 0.
        num_channels: int > 0.
        expected_seconds: what the header announces; None where it does not, or is only a guess.
    """

    def __init__(self, container: InputContainer, stream: AudioStream) -> None:
        self._decoder: StreamDecoder[AudioFrame] = StreamDecoder(container, stream)
        self.sample_rate_hz: int = stream.codec_context.sample_rate
        self.num_channels: int = stream.codec_context.channels
        self.expected_seconds = _announced_seconds(container, stream)
        self._format = container.format.name
        self._has_changed = False

    def __iter__(self) -> Iterator[tuple[float | None, np.ndarray]]:
        for frame in self._decoder:
            form = (frame.sample_rate, frame.layout.nb_channels)
            if form != (self.sample_rate_hz, self.num_channels):
                self._has_changed = True
                return
            yield frame.time, frame_to_samples(frame)

    @property
    def damage(self) -> str | None:
        """What went wrong so far, in words; None if nothing did."""
        if self._has_changed:
            return "its sample rate or number of channels changes on the way"
        return self._decoder.damage

    def damage_at_end(self, path: Path, decoded_seconds: float) -> str | None:
        """`damage`, and what is missing of the announced length, when no more comes."""
        if self._format == "mp3":  # behind the last frame: tags and padding
            self._decoder.forgive_end()
        reasons = [] if self.damage is None else [self.damage]
        expected_seconds = self.expected_seconds or 0.0
        if decoded_seconds < expected_seconds - _LENGTH_TOLERANCE_SECONDS:
            reasons.append(f"it ends at {decoded_seconds:.2f} s of {expected_seconds:.2f} s")
        return "; ".join(reasons) or lacking_end(path, self._format)


def _announced_seconds(container: InputContainer, stream: AudioStream) -> float | None:
    """The length by the header of the formats that have one: others FFmpeg guesses from the size."""
    kind = container.format.name.split(",")[0]
    if kind not in _FORMATS_WITH_LENGTH:
        return None
    seconds = float((stream.duration or 0) * (stream.time_base or 0))
    if not seconds and len(container.streams) == 1:  # else it may be that of the pictures
        seconds = (container.duration or 0) / _MICROSECONDS - _start_seconds(stream)
    return seconds if seconds > 0 else None


def read_with_pyav(path: Path, excerpt: Excerpt) -> DecodedAudio:
    """The samples that an excerpt needs; decoding stops where it ends.

    Raises:
        UnreadableMediaError: as `open_audio_stream`.
    """
    with open_audio_stream(path) as (container, stream):
        rate = stream.codec_context.sample_rate
        first, count = excerpt.to_source_span(rate)
        end = None if count is None else first + count
        position = None if _seek(container, stream, first / rate) else 0
        pieces = [np.empty((0, stream.codec_context.channels), dtype=np.float32)]
        blocks = SoundBlocks(container, stream)
        for time_seconds, samples in blocks:
            if position is None:  # after a seek only the time tells where we are
                position = _position(time_seconds, stream, rate, default=first)
            pieces.append(samples[max(0, first - position) :])
            position += len(samples)
            if end is not None and position >= end:
                damage = blocks.damage
                break
        else:  # came to the end
            damage = blocks.damage_at_end(path, (position or 0) / rate)
        return DecodedAudio(np.concatenate(pieces)[:count], rate, damage)


def _seek(container: InputContainer, stream: AudioStream, offset_seconds: float) -> bool:
    """Go near the offset where the format can do so exactly; tells whether it did."""
    target_seconds = offset_seconds - _RUN_UP_SECONDS
    if target_seconds <= 0 or container.format.name.split(",")[0] not in _EXACTLY_SEEKABLE:
        return False
    try:
        container.seek(int((target_seconds + _start_seconds(stream)) * _MICROSECONDS))
    except av.FFmpegError:  # a damaged table of contents
        return False
    return True


def _position(time_seconds: float | None, stream: AudioStream, rate: int, default: int) -> int:
    if time_seconds is None:
        return default
    return round((time_seconds - _start_seconds(stream)) * rate)


def _start_seconds(stream: AudioStream) -> float:
    return float((stream.start_time or 0) * (stream.time_base or 0))


def frame_to_samples(frame: AudioFrame) -> np.ndarray:
    """FFmpeg's frame of any sample format as float32 [num_samples, num_channels], full scale 1."""
    samples = frame.to_ndarray()
    num_channels = frame.layout.nb_channels
    samples = samples.T if frame.format.is_planar else samples.reshape(-1, num_channels)
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    if np.issubdtype(samples.dtype, np.integer):
        return (samples / 2.0 ** (8 * samples.dtype.itemsize - 1)).astype(np.float32)
    return samples.astype(np.float32)
