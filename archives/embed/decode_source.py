"""What a decoding process does: one source in, its pixels and sound out. No TensorFlow is loaded here."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from archives.embed.sources import Identity, Source
from fused_encoder.photo import BlackPhotoError, prepare_photo
from media import (
    SoundBlock,
    SoundOutcome,
    TimedFrame,
    UnreadableMediaError,
    load_image,
    probe_video,
    stream_frames,
    stream_sound_track,
    stream_waveform,
)

SOUND_LEAD_SECONDS = 2.0
"""How far the sound of a film is decoded ahead of a frame: frames of the front end reach beyond a window."""


@dataclass(frozen=True)
class DecodeTask:
    """One source to be decoded, and how."""

    source: Source
    identity: Identity | None  # where it is known already
    sample_rate_hz: int
    frames_per_second: float  # moments of a video
    window_seconds: float  # of sound around each


@dataclass(frozen=True)
class Photo:
    """A photo, or a moment of a video."""

    pixels: np.ndarray | None  # uint8 [224, 224, 3], RGB; None for a frame that is black throughout
    time_seconds: float = 0.0  # on the clock of the video
    frame_index: int = 0


@dataclass(frozen=True)
class Sound:
    """The next block of a recording, or of the sound track of a video."""

    block: SoundBlock
    start_seconds: float  # when the sound begins on the clock of the video; 0 for a recording


@dataclass(frozen=True)
class SoundEnded:
    """No more sound comes; without an outcome there was none, or none that can be decoded."""

    outcome: SoundOutcome | None
    reason: str | None = None  # why it cannot be decoded


@dataclass(frozen=True)
class FilmEnded:
    """No more frames come."""

    decoded_seconds: float
    expected_seconds: float | None  # what the header announces
    damage: str | None  # what went wrong


Message = Identity | Photo | Sound | SoundEnded | FilmEnded


def decode_source(task: DecodeTask) -> Iterator[Message]:
    """The identity of a source, then what it holds. UnreadableMediaError where nothing can be decoded."""
    source = task.source
    yield task.identity or source.read_identity()
    if source.kind in ("image", "pair"):
        yield _photo(source)
    if source.kind in ("recording", "pair"):
        with stream_waveform(source.path, sample_rate_hz=task.sample_rate_hz) as stream:
            yield from (Sound(block, 0.0) for block in stream)
            yield SoundEnded(stream.outcome)
    if source.kind == "video":
        yield from _film(task)


def _photo(source: Source) -> Photo:
    path = source.paths[0]
    try:
        return Photo(prepare_photo(load_image(path, source.box)))
    except ValueError as error:  # black throughout, or a box that lies outside
        raise UnreadableMediaError(path, str(error)) from error


def _film(task: DecodeTask) -> Iterator[Message]:
    """Frames, each after the sound around it: neither is ever held for more than a few seconds."""
    decoded_to = -math.inf
    with stream_frames(task.source.path, frames_per_second=task.frames_per_second) as frames:
        track = _track(task, frames.zero_seconds)
        for frame in frames:
            needed = frame.time_seconds + task.window_seconds / 2 + SOUND_LEAD_SECONDS
            while decoded_to < needed and (message := next(track, None)) is not None:
                if isinstance(message, Sound):
                    end_sample = message.block.first_sample + len(message.block.waveform)
                    decoded_to = message.start_seconds + end_sample / task.sample_rate_hz
                yield message
            yield _moment(frame)
        yield from track
        yield FilmEnded(frames.decoded_seconds, frames.expected_seconds, frames.damage)


def _track(task: DecodeTask, clock_zero: float) -> Iterator[Sound | SoundEnded]:
    """The sound track of a video; frames are worth having without it."""
    path = task.source.path
    if not probe_video(path).has_audio:
        yield SoundEnded(None)
        return
    try:
        with stream_sound_track(path, sample_rate_hz=task.sample_rate_hz) as stream:
            start_seconds = stream.start_seconds - clock_zero
            yield from (Sound(block, start_seconds) for block in stream)
            yield SoundEnded(stream.outcome)
    except UnreadableMediaError as error:
        yield SoundEnded(None, error.reason)


def _moment(frame: TimedFrame) -> Photo:
    try:
        pixels = prepare_photo(frame.frame)
    except BlackPhotoError:
        pixels = None
    return Photo(pixels, frame.time_seconds, frame.frame_index)
