"""Recordings as they are decoded: libsndfile reads what it reads well, FFmpeg (PyAV) all else.

Both give the samples as the file has them: all channels, at the file's rate, full scale at 1.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import av
import numpy as np
import soundfile
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container.input import InputContainer

from media.containers import StreamDecoder, check_rate, open_audio_stream
from media.cut_off import (
    NO_LAST_PAGE,
    lack_of_data,
    lack_of_mp3,
    mp3_announced_seconds,
    ogg_is_cut_off,
)
from media.files import read_head

FULL_SCALE = 0.999
"""The amplitude from which on a sample is as loud as most formats allow; encoders keep below 1."""

_HIGHEST_AMPLITUDES = {
    "PCM_S8": 127 / 128,
    "PCM_U8": 127 / 128,
    "ULAW": 32124 / 32768,
    "ALAW": 32256 / 32768,
}
_BLOCK_FRAMES = 1 << 12
"""A block in which the decoder stumbles is lost as a whole; one of FLAC's frames is as long."""
_LENGTH_UNKNOWN = 1 << 62
"""libsndfile's answer for a FLAC whose header leaves the length open is 2 ** 63 - 1."""
_EXACTLY_SEEKABLE = frozenset({"mov", "mp3"})
"""FFmpeg's names of formats; others round their times: those are decoded from the start."""
_FORMATS_WITH_LENGTH = frozenset({"mov", "matroska", "asf", "wv", "caf", "tta", "ape"})
_LENGTH_TOLERANCE_SECONDS = 0.25
"""Encoders count their delay and the padding of the last packet, or do not."""
_RUN_UP_SECONDS = 0.5
"""Codecs with memory (AAC, Opus, MP3) need a little before they sound right."""


class SoundReader(Protocol):
    """An open recording.

    Attributes:
        sample_rate_hz: int > 0, of the file.
        num_channels: int > 0, of the file.
        clipping_level: the amplitude from which on a sample is as loud as the format allows.
        duration_seconds: by the header, or a guess; None where the file does not tell.
        expected_seconds: what the header announces; None where it does not, or only guesses.
        damage: why there is less than promised, in words; None if it is all there. Known after
            the last sample.
        is_seekable: whether a stretch is decoded without all that precedes it.
    """

    sample_rate_hz: int
    num_channels: int
    clipping_level: float
    duration_seconds: float | None
    expected_seconds: float | None
    damage: str | None
    is_seekable: bool

    def read(self, first: int = 0, count: int | None = None) -> Iterator[np.ndarray]:
        """From one sample on, at most so many: float32 [num_samples, num_channels] at a time."""


@contextmanager
def open_sound(path: Path) -> Iterator[SoundReader]:
    """The recording with the library that reads it; what it is, its content says.

    Raises:
        FileNotFoundError: nothing is at this path.
        UnreadableMediaError: not a recording, or an absurd sample rate.
    """
    read_head(path)
    file = open_with_soundfile(path)
    if file is not None:
        with file:
            yield SoundfileReader(path, file)
        return
    with open_audio_stream(path) as (container, stream):
        yield PyavReader(path, container, stream)


class StraightSoundFile(soundfile.SoundFile):
    """A sound file that is read straight on.

    `soundfile` seeks after every read of a file that can seek, to where it already is, which makes
    decoders start anew. `seek` itself still works.
    """

    def seekable(self) -> bool:
        """What `soundfile` asks before it seeks."""
        return False


class SoundfileReader:
    """A recording that libsndfile decodes, as a `SoundReader`."""

    def __init__(self, path: Path, file: StraightSoundFile) -> None:
        self._file = file
        self.sample_rate_hz: int = file.samplerate
        self.num_channels: int = file.channels
        self.clipping_level = _HIGHEST_AMPLITUDES.get(file.subtype, FULL_SCALE)
        self.damage: str | None = None
        # libsndfile comes down at wrong places of Ogg Vorbis: that is read from the start.
        self.is_seekable = file.format != "OGG"
        is_known = file.frames < _LENGTH_UNKNOWN
        self.duration_seconds = file.frames / self.sample_rate_hz if is_known else None
        self.expected_seconds = self.duration_seconds
        self._lack, share = lack_of_data(file.extra_info)
        if self.expected_seconds is not None:
            self.expected_seconds /= share
        if file.format == "OGG" and ogg_is_cut_off(path):
            self._lack, self.expected_seconds = NO_LAST_PAGE, None

    def read(self, first: int = 0, count: int | None = None) -> Iterator[np.ndarray]:
        """As `SoundReader.read`; what precedes a damage is kept."""
        num_frames = self._file.frames
        end = num_frames if count is None else min(num_frames, first + count)
        position = min(first, end) if self.is_seekable else 0
        if position:
            self._file.seek(position)
        try:
            while position < end:
                num_wanted = min(end - position, _BLOCK_FRAMES)
                block = self._file.read(num_wanted, dtype="float32", always_2d=True)
                if len(block) == 0:
                    break
                yield block[max(0, first - position) :]
                position += len(block)
        except soundfile.LibsndfileError as error:
            why = f" ({error.error_string})" if error.error_string else ""
            self.damage = f"it breaks off{why}"
            return
        if position < end < _LENGTH_UNKNOWN:
            seconds = position / self.sample_rate_hz
            self.damage = f"it ends at {seconds:.2f} s of {self.duration_seconds:.2f} s"
        elif end == num_frames:
            self.damage = self._lack


class PyavReader:
    """A recording, or the sound of a video, that FFmpeg decodes, as a `SoundReader`.

    Attributes:
        start_seconds: when the stream begins, on the file's clock.
    """

    clipping_level = FULL_SCALE

    def __init__(self, path: Path, container: InputContainer, stream: AudioStream) -> None:
        self._path, self._container = path, container
        self._format = container.format.name.split(",")[0]
        self._decoder: StreamDecoder[AudioFrame] = StreamDecoder(container, stream)
        self.sample_rate_hz: int = stream.codec_context.sample_rate
        self.num_channels: int = stream.codec_context.channels
        self.start_seconds = float((stream.start_time or 0) * (stream.time_base or 0))
        self.damage: str | None = None
        self.is_seekable = self._format in _EXACTLY_SEEKABLE
        self._change: str | None = None
        seconds = float((stream.duration or 0) * (stream.time_base or 0))
        if not seconds and len(container.streams) == 1:  # else it may be that of the pictures
            seconds = (container.duration or 0) / av.time_base - self.start_seconds
        self.duration_seconds = seconds if seconds > 0 else None
        self.expected_seconds = None
        if self._format in _FORMATS_WITH_LENGTH:
            self.expected_seconds = self.duration_seconds
        elif self._format == "mp3":
            announced = mp3_announced_seconds(path, self.sample_rate_hz)
            self.expected_seconds = announced
            if announced is not None and abs(seconds - announced) < _LENGTH_TOLERANCE_SECONDS:
                self.expected_seconds = seconds  # FFmpeg takes the encoder's padding off

    def read(self, first: int = 0, count: int | None = None) -> Iterator[np.ndarray]:
        """As `SoundReader.read`; packets that cannot be decoded are left out."""
        rate = self.sample_rate_hz
        end = None if count is None else first + count
        position = None if self._seek(first / rate) else 0
        for time_seconds, samples in self.timed_samples():
            if position is None:  # after a seek only the time tells where we are
                position = first
                if time_seconds is not None:
                    position = round((time_seconds - self.start_seconds) * rate)
            last = None if end is None else end - position
            yield samples[max(0, first - position) : last]
            position += len(samples)
            if end is not None and position >= end:
                return
        if position is not None:
            self.finish(position)

    def timed_samples(self) -> Iterator[tuple[float | None, np.ndarray]]:
        """When each frame is heard, in seconds on the file's clock, if known, and its samples."""
        to_float = av.AudioResampler(format="flt")
        for frame in self._decoder:
            is_same = frame.sample_rate == self.sample_rate_hz
            is_same &= frame.layout.nb_channels == self.num_channels
            try:
                pieces = to_float.resample(frame)
            except (ValueError, av.FFmpegError):  # it was set up by the first frame
                is_same = False
            if not is_same:
                self._change = "its sample rate or number of channels changes on the way"
                break
            samples = [piece.to_ndarray().reshape(-1, self.num_channels) for piece in pieces]
            yield frame.time, np.concatenate(samples)
            self.damage = self._decoder.damage
        self.damage = self._change or self._decoder.damage

    def finish(self, num_samples: int) -> None:
        """After the last sample: what is missing becomes the `damage`."""
        packet = self._decoder.last_packet
        if self._format == "mp3":  # behind the last frame: tags and padding
            self._decoder.forgive_end()
        reasons = [self._change or self._decoder.damage]
        seconds, expected_seconds = num_samples / self.sample_rate_hz, self.expected_seconds or 0.0
        if seconds < expected_seconds - _LENGTH_TOLERANCE_SECONDS:
            reasons.append(f"it ends at {seconds:.2f} s of {expected_seconds:.2f} s")
        elif self._format == "mp3" and packet is not None and self._change is None:
            reasons.append(lack_of_mp3(bytes(packet), self.sample_rate_hz))
        elif self._format == "ogg" and ogg_is_cut_off(self._path):
            reasons.append(NO_LAST_PAGE)
        self.damage = "; ".join(filter(None, reasons)) or None

    def _seek(self, offset_seconds: float) -> bool:
        """Go near the offset where the format can do so exactly; tells whether it did."""
        target_seconds = offset_seconds - _RUN_UP_SECONDS
        if target_seconds <= 0 or not self.is_seekable:
            return False
        try:
            self._container.seek(int((target_seconds + self.start_seconds) * av.time_base))
        except av.FFmpegError:  # a damaged table of contents
            return False
        return True


def open_with_soundfile(path: Path) -> StraightSoundFile | None:
    """None for MP3, and where libsndfile gets nothing out of it: FFmpeg may."""
    name = os.fsencode(path)  # as bytes: any name there is
    try:
        with StraightSoundFile(name) as tried:
            check_rate(path, tried.samplerate)
            if tried.subtype.startswith("MPEG") or len(tried.read(1)) == 0:
                return None
        return StraightSoundFile(name)
    except (soundfile.LibsndfileError, TypeError):  # TypeError: a name that ends with .raw
        return None
