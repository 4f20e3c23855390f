"""What a decoding process does: one source in, its pixels and sound out. No TensorFlow is loaded here."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archives.embed.content import Identity, identity_of
from archives.embed.sources import Source
from fused_encoder.photo import BlackPhotoError, prepare_photo
from media import (
    SoundBlock,
    SoundOutcome,
    SoundStream,
    TimedFrame,
    UnreadableMediaError,
    load_image,
    probe_video,
    stream_frames,
    stream_sound_track,
    stream_waveform,
)

YAMNET_RATE_HZ = 16_000  # as in log_mel, whose module loads TensorFlow
SOUND_LEAD_SECONDS = 2.0
"""How far the sound of a film is decoded ahead of what a frame needs: YAMNet's frames reach on by 0.96 s."""


@dataclass(frozen=True)
class DecodeTask:
    """One source to be decoded.

    Attributes:
        source: what.
        identity: of its content, where that is known already; else None.
        frames_per_second: float, moments of a video.
        window_seconds: float, the sound that is wanted around each.
    """

    source: Source
    identity: Identity | None
    frames_per_second: float
    window_seconds: float


@dataclass(frozen=True)
class Photo:
    """A photo, or a moment of a film.

    Attributes:
        pixels: uint8 [224, 224, 3], RGB; None where a frame is black throughout.
        time_seconds: float, on the clock of the video; None for a photo.
        frame_index: int; None for a photo.
        seconds: float, how much film it stands for.
    """

    pixels: np.ndarray | None
    time_seconds: float | None = None
    frame_index: int | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Sound:
    """The next block of the sound.

    Attributes:
        block: of a recording, or of the sound track of a video.
        start_seconds: float, when the sound begins on the clock of the video; 0 for a recording.
        end_seconds: float, when the block ends on that clock.
        seconds: float, how long the block is.
    """

    block: SoundBlock
    start_seconds: float
    end_seconds: float
    seconds: float


@dataclass(frozen=True)
class SoundEnded:
    """No more sound comes.

    Attributes:
        outcome: how it ended; None where a video has no sound track, or one that cannot be decoded.
        reason: why not; None where it has none.
    """

    outcome: SoundOutcome | None
    reason: str | None = None


@dataclass(frozen=True)
class FilmEnded:
    """No more frames come.

    Attributes:
        decoded_seconds: float.
        expected_seconds: float, what the header announces; None where it does not tell.
        damage: what went wrong, in words; None if nothing did.
    """

    decoded_seconds: float
    expected_seconds: float | None
    damage: str | None


Message = Identity | Photo | Sound | SoundEnded | FilmEnded


def decode_source(task: DecodeTask) -> Iterator[Message]:
    """First its identity, then what it holds, as it is decoded.

    Args:
        task: which source.

    Raises:
        FileNotFoundError: nothing is at a path.
        UnreadableMediaError: nothing in it can be decoded, or a photo is black throughout.
    """
    source = task.source
    yield task.identity or identity_of(source.paths)
    if source.kind in ("image", "pair"):
        yield _photo(source)
    if source.kind in ("recording", "pair"):
        with stream_waveform(source.path, sample_rate_hz=YAMNET_RATE_HZ) as stream:
            yield from _sounds(stream)
            yield SoundEnded(stream.outcome)
    if source.kind == "video":
        yield from _film(task)


def _photo(source: Source) -> Photo:
    path = source.paths[0]
    try:
        return Photo(prepare_photo(load_image(path)))
    except BlackPhotoError as error:
        raise UnreadableMediaError(path, str(error)) from error


def _sounds(stream: SoundStream, clock_zero: float = 0.0) -> Iterator[Sound]:
    start_seconds = stream.start_seconds - clock_zero
    for block in stream:
        num_samples = len(block.waveform)
        end_seconds = start_seconds + (block.first_sample + num_samples) / YAMNET_RATE_HZ
        yield Sound(block, start_seconds, end_seconds, num_samples / YAMNET_RATE_HZ)


def _film(task: DecodeTask) -> Iterator[Message]:
    """Frames, each after the sound around it: neither is ever held for more than a few seconds."""
    path = task.source.path
    heard_to = -math.inf
    with stream_frames(path, frames_per_second=task.frames_per_second) as frames:
        track = _track(path, frames.zero_seconds)
        for frame in frames:
            needed = frame.time_seconds + task.window_seconds / 2 + SOUND_LEAD_SECONDS
            while heard_to < needed:
                message = next(track, None)
                if message is None:
                    break
                if isinstance(message, Sound):
                    heard_to = message.end_seconds
                yield message
            yield _moment(frame, 1 / task.frames_per_second)
        yield from track
        yield FilmEnded(frames.decoded_seconds, frames.expected_seconds, frames.damage)


def _track(path: Path, clock_zero: float) -> Iterator[Sound | SoundEnded]:
    """The sound track of a video; frames are worth having without it."""
    if not probe_video(path).has_audio:
        yield SoundEnded(None)
        return
    try:
        with stream_sound_track(path, sample_rate_hz=YAMNET_RATE_HZ) as stream:
            yield from _sounds(stream, clock_zero)
            yield SoundEnded(stream.outcome)
    except UnreadableMediaError as error:
        yield SoundEnded(None, error.reason)


def _moment(frame: TimedFrame, seconds: float) -> Photo:
    try:
        pixels = prepare_photo(frame.frame)
    except BlackPhotoError:
        pixels = None
    return Photo(pixels, frame.time_seconds, frame.frame_index, seconds)
