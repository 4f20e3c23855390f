"""Writing videos that any browser plays: H.264 and AAC in MP4."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container.output import OutputContainer
from av.video.stream import VideoStream

from media.atomic import atomic_file

_PLAYABLE_EARLY = {"movflags": "faststart"}
_QUALITY = {"crf": "20", "preset": "veryfast"}
_AUDIO_BITS_PER_SECOND = 96_000
_AAC_RATES_HZ = frozenset(
    {7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000}
)


def write_video(
    path: str | Path,
    frames: Iterable[np.ndarray],
    *,
    frames_per_second: float,
    waveform: np.ndarray | None = None,
    sample_rate_hz: int = 16000,
) -> None:
    """Write frames, and a sound track if there is one, as MP4; both start at time 0.

    Frames are taken one by one: a generator keeps the memory small. The folder must exist.

    Args:
        path: ends with .mp4.
        frames: each uint8 [height, width, 3], RGB, all of one size, both sides even.
        frames_per_second: float > 0.
        waveform: float [num_samples], mono, in [-1, 1] (clipped beyond); None for a silent film.
        sample_rate_hz: of the waveform; one that AAC knows (8000, 16000, 44100, 48000, ...).
    Raises:
        ValueError: another extension, no frame, or a frame or waveform of another form.
        OSError: it could not be written; nothing half-written is left behind.
    """
    path = Path(path)
    _check_options(path, frames_per_second, waveform, sample_rate_hz)
    checked_frames = _check_frames(frames)
    first_frame = next(checked_frames, None)
    if first_frame is None:
        raise ValueError(f"Expected at least one frame to write to '{path}', received none.")
    rate = Fraction(frames_per_second).limit_denominator(1001)
    with atomic_file(path) as temporary:
        try:
            with av.open(str(temporary), "w", format="mp4", options=_PLAYABLE_EARLY) as container:
                video = _add_video_stream(container, first_frame, rate)
                sound = _SoundWriter(container, waveform, sample_rate_hz)
                for index, image in enumerate(chain([first_frame], checked_frames)):
                    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                    frame.pts, frame.time_base = index, 1 / rate
                    container.mux(video.encode(frame))
                    # Side by side: players and the muxer want both at once.
                    sound.write_until(float((index + 1) / rate))
                container.mux(video.encode(None))
                sound.finish()
        except av.FFmpegError as error:
            raise OSError(
                error.errno, f"Cannot write the video: {error.strerror}", str(path)
            ) from error


class _SoundWriter:
    """The sound track, written in step with the frames.

    Args:
        container: the open file.
        waveform: float [num_samples], mono; None for no sound track.
        sample_rate_hz: of the waveform.
    """

    def __init__(
        self, container: OutputContainer, waveform: np.ndarray | None, sample_rate_hz: int
    ) -> None:
        self._container = container
        self._samples = np.zeros(0, dtype=np.float32)
        self._rate = sample_rate_hz
        self._position = 0
        self._stream: AudioStream | None = None
        if waveform is None:
            return
        self._samples = np.clip(waveform, -1, 1).astype(np.float32)
        self._stream = container.add_stream("aac", rate=sample_rate_hz, layout="mono")
        self._stream.bit_rate = _AUDIO_BITS_PER_SECOND

    def write_until(self, time_seconds: float) -> None:
        """Encode what is heard before this time and is not written yet."""
        end = min(len(self._samples), round(time_seconds * self._rate))
        if self._stream is not None and end > self._position:
            piece = np.ascontiguousarray(self._samples[None, self._position : end])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
            frame.sample_rate = self._rate
            frame.pts, frame.time_base = self._position, Fraction(1, self._rate)
            self._container.mux(self._stream.encode(frame))
            self._position = end

    def finish(self) -> None:
        """Encode the rest, which may outlast the frames."""
        self.write_until(len(self._samples) / self._rate)
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))


def _add_video_stream(
    container: OutputContainer, first_frame: np.ndarray, rate: Fraction
) -> VideoStream:
    stream: VideoStream = container.add_stream("libx264", rate=rate, options=_QUALITY)
    stream.height, stream.width = first_frame.shape[:2]
    stream.pix_fmt = "yuv420p"
    return stream


def _check_options(
    path: Path, frames_per_second: float, waveform: np.ndarray | None, sample_rate_hz: int
) -> None:
    if path.suffix.lower() != ".mp4":
        raise ValueError(f"Expected a name ending with .mp4, received '{path}'.")
    if not 0 < frames_per_second < float("inf"):
        raise ValueError(f"Expected frames_per_second > 0, received {frames_per_second}.")
    if waveform is None:
        return
    if waveform.ndim != 1 or not np.isfinite(waveform).all():
        raise ValueError(
            f"Expected a finite mono waveform [num_samples], received {list(waveform.shape)}."
        )
    if sample_rate_hz not in _AAC_RATES_HZ:
        raise ValueError(
            f"Expected a sample rate that AAC knows ({sorted(_AAC_RATES_HZ)}),"
            f" received {sample_rate_hz}. Resample the waveform first (resample)."
        )


def _check_frames(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    expected_shape: tuple[int, ...] | None = None
    for index, frame in enumerate(frames):
        is_image = frame.dtype == np.uint8 and frame.ndim == 3 and frame.shape[2] == 3
        if not is_image or frame.shape[0] % 2 or frame.shape[1] % 2 or frame.size == 0:
            raise ValueError(
                f"Expected frame {index} as uint8 [height, width, 3] with even sides, received"
                f" {frame.dtype} {list(frame.shape)}."
            )
        expected_shape = expected_shape or frame.shape
        if frame.shape != expected_shape:
            raise ValueError(
                f"Expected frame {index} of the same size as the first, {list(expected_shape)},"
                f" received {list(frame.shape)}."
            )
        yield np.ascontiguousarray(frame)
