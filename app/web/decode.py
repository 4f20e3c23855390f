"""What a decoding process does for the service: one upload in, its pixels or sound out, within limits.

No TensorFlow is loaded here. A process that dies takes nothing with it but the file that killed it.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.web.spectrogram_tiles import SpectrogramShape, spectrogram_shape, spectrogram_tile
from app.web.unpack import UnpackTask, unpack
from fused_encoder.photo import BlackPhotoError, prepare_photo
from media import (
    PhotoBox,
    UnreadableMediaError,
    image_size,
    load_image,
    load_waveform,
    probe_audio,
    resize_image,
)

MOST_MEMORY_BYTES = 6 * 2**30
"""Of address space, which a decoder that runs wild does not exceed."""

Message = Any  # what a task gives: an array, bytes, or a tuple


@dataclass(frozen=True)
class PhotoTask:
    """A photo, for the encoder (`longest_side` None: uint8 [224, 224, 3]) or for eyes.

    `as_jpeg` gives the bytes of a JPEG in place of pixels uint8 [height, width, 3].
    """

    path: Path
    most_pixels: int
    box: PhotoBox | None = None
    longest_side: int | None = None
    as_jpeg: bool = False


@dataclass(frozen=True)
class SoundTask:
    """A stretch of a recording: float32 [num_samples]."""

    path: Path
    sample_rate_hz: int
    start_seconds: float
    max_seconds: float


@dataclass(frozen=True)
class LengthTask:
    """How long a recording is: (sample rate in Hz, seconds or None)."""

    path: Path


@dataclass(frozen=True)
class SizeTask:
    """How large a photo is: (width, height) in pixels, upright."""

    path: Path


@dataclass(frozen=True)
class ShapeTask:
    """How large a recording's spectrogram is: `SpectrogramShape`."""

    path: Path


@dataclass(frozen=True)
class TileTask:
    """A tile of a recording's spectrogram: bytes, row by row."""

    path: Path
    shape: SpectrogramShape
    zoom: int
    number: int


Decodable = PhotoTask | SoundTask | LengthTask | SizeTask | ShapeTask | TileTask
Task = Decodable | UnpackTask


def work(task: Task) -> Iterator[Message]:
    """What the worker processes do."""
    _limit_memory()
    yield from unpack(task) if isinstance(task, UnpackTask) else decode(task)


def decode(task: Decodable) -> Iterator[Message]:
    """What a task asks for; UnreadableMediaError where it is not to be had."""
    try:
        match task:
            case PhotoTask():
                yield _photo(task)
            case SoundTask():
                yield load_waveform(
                    task.path,
                    sample_rate_hz=task.sample_rate_hz,
                    offset_seconds=task.start_seconds,
                    max_seconds=task.max_seconds,
                )
            case LengthTask():
                info = probe_audio(task.path)
                yield info.sample_rate_hz, info.duration_seconds
            case SizeTask():
                yield image_size(task.path)
            case ShapeTask():
                yield spectrogram_shape(task.path)
            case TileTask():
                yield spectrogram_tile(task.path, task.shape, task.zoom, task.number).tobytes()
    except MemoryError as error:
        raise UnreadableMediaError(task.path, "it takes too much memory to decode.") from error
    except (ValueError, BlackPhotoError) as error:
        raise UnreadableMediaError(task.path, str(error)) from error


def _photo(task: PhotoTask) -> Message:
    width, height = image_size(task.path)
    if width * height > task.most_pixels:
        raise UnreadableMediaError(
            task.path,
            f"it has {width} x {height} pixels, at most {task.most_pixels:,} are taken. Scale it down.",
        )
    pixels = load_image(task.path, task.box)
    if task.longest_side is None:
        return prepare_photo(pixels)
    height, width = pixels.shape[:2]
    scale = min(1.0, task.longest_side / max(height, width))
    small = resize_image(pixels, (max(1, round(height * scale)), max(1, round(width * scale))))
    if not task.as_jpeg:
        return small
    import cv2

    _, content = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    return content.tobytes()


def _limit_memory() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    if most == resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
