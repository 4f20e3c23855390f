"""Small media, drawn and synthesised, and ways to damage them."""

import logging
import resource
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

import media

RATE_HZ = 16000
load_waveform = partial(media.load_waveform, sample_rate_hz=RATE_HZ)
load_waveform_with_notes = partial(media.load_waveform_with_notes, sample_rate_hz=RATE_HZ)
stream_waveform = partial(media.stream_waveform, sample_rate_hz=RATE_HZ)
stream_sound_track = partial(media.stream_sound_track, sample_rate_hz=RATE_HZ)
iter_moments = partial(media.iter_moments, sample_rate_hz=RATE_HZ, audio_seconds=5.0)
write_video = partial(media.write_video, sample_rate_hz=RATE_HZ)

MILLISECONDS = Fraction(1, 1000)
AUDIO_RATE_HZ = 48000


@pytest.fixture(autouse=True)
def _our_warnings(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="media")


@pytest.fixture
def photo() -> np.ndarray:
    """uint8 [30, 40, 3]: smooth, and different under every turn and flip."""
    rows, columns = np.mgrid[0:30, 0:40]
    return np.stack([rows * 8, columns * 6, 250 - rows * 4 - columns * 2], axis=2).astype(np.uint8)


def chirp(sample_rate_hz: int, seconds: float = 2.0) -> np.ndarray:
    time = np.arange(round(seconds * sample_rate_hz)) / sample_rate_hz
    return (0.3 * np.sin(2 * np.pi * (300 * time + 200 * time**2))).astype(np.float32)


@pytest.fixture
def recording(tmp_path: Path) -> Callable[..., Path]:
    """recording(name, samples=None, rate=16000, **soundfile options) writes one; default a chirp."""

    def write(
        name: str, samples: np.ndarray | None = None, rate: int = 16000, **options: str
    ) -> Path:
        path = tmp_path / name
        soundfile.write(path, chirp(rate) if samples is None else samples, rate, **options)
        return path

    return write


@pytest.fixture
def compressed_recording(tmp_path: Path) -> Callable[..., Path]:
    """compressed_recording(name, codec, format) writes 4 s of chirp, only FFmpeg reads it."""

    def write(
        name: str, codec: str, container_format: str, seconds: float = 4.0, **options: str
    ) -> Path:
        path = str(tmp_path / name)
        with av.open(path, "w", format=container_format, options=options) as container:
            stream = container.add_stream(codec, rate=AUDIO_RATE_HZ, layout="mono")
            _encode_sound(container, stream, chirp(AUDIO_RATE_HZ, seconds), 0.0)
            container.mux(stream.encode(None))
        return tmp_path / name

    return write


@pytest.fixture
def flash_and_click(tmp_path: Path) -> Callable[..., Path]:
    """A video of black frames at given times with one white flash, and a click in its sound."""

    def write(
        frame_times: Sequence[float],
        *,
        flash_index: int,
        click_seconds: float | None,
        audio_start_seconds: float = 0.0,
        audio_seconds: float = 4.0,
        name: str = "flash.mp4",
        rotation_degrees: int = 0,
    ) -> Path:
        with av.open(str(tmp_path / name), "w") as container:
            video = container.add_stream("libx264", rate=25)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            video.time_base = video.codec_context.time_base = MILLISECONDS
            if rotation_degrees:
                video.set_display_rotation(rotation_degrees)
            audio = None
            if click_seconds is not None:
                audio = container.add_stream("aac", rate=AUDIO_RATE_HZ, layout="mono")
            for index, seconds in enumerate(frame_times):
                image = np.full((48, 64, 3), 255 if index == flash_index else 0, dtype=np.uint8)
                image[:8, :8] = 255  # a mark in the upper left corner
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = round(seconds * 1000), MILLISECONDS
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
            if audio is not None and click_seconds is not None:
                sound = np.zeros(round(audio_seconds * AUDIO_RATE_HZ), dtype=np.float32)
                click = round((click_seconds - audio_start_seconds) * AUDIO_RATE_HZ)
                sound[click : click + 240] = 0.9 * np.sin(np.arange(240) * 0.4)
                _encode_sound(container, audio, sound, audio_start_seconds)
                container.mux(audio.encode(None))
        return tmp_path / name

    return write


def _encode_sound(
    container: av.container.OutputContainer,
    stream: av.AudioStream,
    sound: np.ndarray,
    start_seconds: float,
) -> None:
    frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
    frame.sample_rate = AUDIO_RATE_HZ
    frame.pts = round(start_seconds * AUDIO_RATE_HZ)
    frame.time_base = Fraction(1, AUDIO_RATE_HZ)
    container.mux(stream.encode(frame))


@pytest.fixture
def streamed():
    """streamed(path, **options) gives the joined waveform, the blocks and the outcome."""

    def read(path, **options):
        with stream_waveform(path, **options) as stream:
            blocks = list(stream)
        return np.concatenate([block.waveform for block in blocks]), blocks, stream.outcome

    return read


@pytest.fixture
def full_disk() -> Callable[[], object]:
    """with full_disk(): no file grows beyond 1 KB."""

    @contextmanager
    def limited() -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited
