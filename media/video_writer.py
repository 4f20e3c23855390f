"""Writing videos that any browser plays: H.264 and AAC in MP4."""

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.container.output import OutputContainer

from media.atomic import atomic_file
from media.errors import check_positive
from media.waveforms import check_waveform

_PLAYABLE_EARLY = {"movflags": "faststart"}
_QUALITY = {"crf": "20", "preset": "veryfast"}
_AUDIO_BITS_PER_SECOND = 96_000


def write_video(
    path: str | Path,
    frames: Iterable[np.ndarray],
    *,
    frames_per_second: float,
    waveform: np.ndarray | None = None,
    sample_rate_hz: int | None = None,
) -> None:
    """Write frames, and a sound track if there is one, as MP4; both start at time 0.

    Frames are taken one by one: a generator keeps the memory small. The folder must exist.

    Args:
        path: ends with .mp4.
        frames: each uint8 [height, width, 3], RGB, all of one size, both sides even.
        frames_per_second: float > 0.
        waveform: float [num_samples], mono, in [-1, 1] (clipped beyond); None for a silent film.
        sample_rate_hz: of the waveform; one that AAC knows (8, 16, 32, 44.1, 48 kHz, ...).
    Raises:
        ValueError: another extension, no frame, or a frame or waveform of another form.
        OSError: it could not be written; nothing half-written is left behind.
    """
    path = Path(path)
    _check_options(path, frames_per_second, waveform, sample_rate_hz)
    checked = _check_frames(frames)
    first = next(checked, None)
    if first is None:
        raise ValueError(f"Expected at least one frame to write to '{path}', received none.")
    rate = Fraction(frames_per_second).limit_denominator(1001)
    with atomic_file(path) as temporary:
        try:
            with av.open(str(temporary), "w", format="mp4", options=_PLAYABLE_EARLY) as container:
                video = container.add_stream("libx264", rate=rate, options=_QUALITY)
                video.height, video.width = first.shape[:2]
                video.pix_fmt = "yuv420p"
                sound = _encoded_sound(container, waveform, sample_rate_hz)
                for index, image in enumerate(chain([first], checked)):
                    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                    frame.pts, frame.time_base = index, 1 / rate
                    container.mux(video.encode(frame))
                    # Side by side: players and the muxer want both at once.
                    while sound and (sound[0].pts or 0) * (sound[0].time_base or 0) <= index / rate:
                        container.mux(sound.popleft())
                container.mux([*video.encode(None), *sound])
        except av.FFmpegError as error:
            raise OSError(
                error.errno, f"Cannot write the video: {error.strerror}", str(path)
            ) from error


def _encoded_sound(
    container: OutputContainer, waveform: np.ndarray | None, sample_rate_hz: int | None
) -> deque[av.Packet]:
    if waveform is None or waveform.size == 0 or sample_rate_hz is None:
        return deque()
    stream = container.add_stream("aac", rate=sample_rate_hz, layout="mono")
    stream.bit_rate = _AUDIO_BITS_PER_SECOND
    samples = np.clip(waveform, -1, 1).astype(np.float32)[None]
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
    frame.sample_rate = sample_rate_hz
    frame.pts, frame.time_base = 0, Fraction(1, sample_rate_hz)
    return deque([*stream.encode(frame), *stream.encode(None)])


def _check_options(
    path: Path, frames_per_second: float, waveform: np.ndarray | None, sample_rate_hz: int | None
) -> None:
    if path.suffix.lower() != ".mp4":
        raise ValueError(f"Expected a name ending with .mp4, received '{path}'.")
    check_positive(frames_per_second=frames_per_second)
    if waveform is None:
        return
    check_waveform(waveform)
    known_rates = av.Codec("aac", "w").audio_rates or []
    if sample_rate_hz not in known_rates:
        raise ValueError(
            f"Expected a sample rate that AAC knows ({sorted(known_rates)}),"
            f" received {sample_rate_hz}. Resample the waveform first (resample)."
        )


def _check_frames(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    shape: tuple[int, ...] | None = None
    for index, frame in enumerate(frames):
        shape = shape or frame.shape
        is_image = frame.dtype == np.uint8 and frame.ndim == 3 and frame.shape[2] == 3
        if not is_image or frame.shape[0] % 2 or frame.shape[1] % 2 or frame.shape != shape:
            raise ValueError(
                f"Expected frame {index} as uint8 [height, width, 3] with even sides, of the same"
                f" size as the first, {list(shape)}; received {frame.dtype} {list(frame.shape)}."
            )
        yield np.ascontiguousarray(frame)
