"""Good photos, recordings and videos, as small as they can be, for others to be made of."""

import io
import struct
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import soundfile

RATE_HZ = 16000


def song(rng: np.random.Generator, seconds: float = 2.0, rate_hz: int = RATE_HZ) -> np.ndarray:
    """float32 [num_samples]: a whistle that wanders, over a little noise."""
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    pitch_hz = rng.uniform(800, 2000) + rng.uniform(100, 400) * np.sin(2 * np.pi * 3 * time)
    whistle = 0.3 * np.sin(2 * np.pi * np.cumsum(pitch_hz) / rate_hz)
    return (whistle + 0.01 * rng.standard_normal(len(time))).astype(np.float32)


def encoded_sound(
    samples: np.ndarray, file_format: str, subtype: str | None = None, rate_hz: int = RATE_HZ
) -> bytes:
    """Any format that libsndfile writes: WAV, FLAC, OGG, MP3, ..."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=file_format, subtype=subtype)
    return file.getvalue()


def wav(
    sound: bytes,
    *,
    code: int = 1,
    num_channels: int = 1,
    rate_hz: int = RATE_HZ,
    bits: int = 16,
    data_bytes: int | None = None,
    riff_bytes: int | None = None,
) -> bytes:
    """A WAV file whose header says what one likes; code 1 is for integers, 3 for floats."""
    frame_bytes = num_channels * -(-bits // 8)
    bytes_per_second = min(rate_hz * frame_bytes, 2**32 - 1)
    header = (code, num_channels, rate_hz, bytes_per_second, frame_bytes & 0xFFFF, bits)
    form = b"fmt " + struct.pack("<IHHIIHH", 16, *header)
    data = b"data" + struct.pack("<I", len(sound) if data_bytes is None else data_bytes)
    whole = 4 + len(form) + len(data) + len(sound)
    start = b"RIFF" + struct.pack("<I", whole if riff_bytes is None else riff_bytes) + b"WAVE"
    return start + form + data + sound


def wav_of(samples: np.ndarray, **header: int) -> bytes:
    """A 16-bit WAV of a waveform in [-1, 1], under a header of one's own."""
    return wav(np.round(samples * 32767).astype("<i2").tobytes(), **header)


def wav_of_floats(samples: np.ndarray, **header: int) -> bytes:
    """A float WAV that keeps every value, NaN and infinity too."""
    bits = 8 * samples.dtype.itemsize
    return wav(
        samples.astype(samples.dtype.newbyteorder("<")).tobytes(), code=3, bits=bits, **header
    )


def mp3_without_table(mp3: bytes) -> bytes:
    """An MP3 without its first frame, the Xing or Info table that tells the length."""
    start = mp3.index(b"\xff")
    table = max(mp3.find(b"Xing", start), mp3.find(b"Info", start))
    following = mp3.find(mp3[start : start + 2], table) if table > 0 else start
    return mp3[following:]


def photo(rng: np.random.Generator, height: int = 48, width: int = 64) -> np.ndarray:
    """uint8 [height, width, 3]: a bright blob somewhere before a shaded ground."""
    rows, columns = np.mgrid[0:height, 0:width]
    centre = rng.uniform(0.3, 0.7, 2) * (height, width)
    blob = np.exp(-((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2) / (0.05 * height * width))
    ground = rng.uniform(20, 120, 3) + rng.uniform(0.2, 1, 3) * rows[..., None]
    grain = rng.integers(0, 12, (height, width, 1))
    return np.clip(ground + blob[..., None] * rng.uniform(80, 200, 3) + grain, 0, 255).astype("u1")


def encoded_photo(extension: str, image: np.ndarray, *options: int) -> bytes:
    """Any format that OpenCV writes, of grey, RGB or RGBA."""
    if image.ndim == 3:
        image = cv2.cvtColor(
            image, cv2.COLOR_RGB2BGR if image.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
        )
    return cv2.imencode(extension, image, options)[1].tobytes()


def film(
    rng: np.random.Generator,
    *,
    container: str = "mp4",
    num_frames: int = 20,
    seconds: float = 2.0,
    codec: str = "libx264",
    sound_codec: str | None = "aac",
    is_fast_start: bool = False,
    brightness: int = 1,
    layout: str = "mono",
) -> bytes:
    """A video of small frames, and a song if there is a codec for it; no frame: only the song."""
    options = {"movflags": "faststart"} if is_fast_start else {}
    with tempfile.NamedTemporaryFile() as file:  # the index only moves to the front of a real file
        with av.open(file.name, "w", format=container, options=options) as out:
            video = _add_video(out, codec, Fraction(num_frames) / Fraction(seconds))
            sound = (
                out.add_stream(sound_codec, rate=RATE_HZ, layout=layout) if sound_codec else None
            )
            image = photo(rng) * np.uint8(brightness)
            for shift in range(num_frames) if video else ():
                picture = np.roll(image, 2 * shift, axis=1)
                out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            if video:
                out.mux(video.encode(None))
            if sound:
                _write_sound(out, sound, song(rng, seconds))
        return Path(file.name).read_bytes()


def _add_video(
    out: av.container.OutputContainer, codec: str, rate: Fraction
) -> av.VideoStream | None:
    if not rate:
        return None
    video = out.add_stream(codec, rate=rate)
    video.width, video.height = 64, 48
    video.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    if codec == "libx264":
        video.options = {"preset": "ultrafast", "crf": "28", "g": "5"}
    return video


def _write_sound(
    out: av.container.OutputContainer, stream: av.AudioStream, waveform: np.ndarray
) -> None:
    packed = np.repeat(waveform, stream.layout.nb_channels)[None]
    frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=stream.layout.name)
    frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
    out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def flipped(content: bytes, rng: np.random.Generator, num: int, first: int, last: int) -> bytes:
    """The content with so many of its bytes changed, all between two places."""
    damaged = bytearray(content)
    for place in rng.integers(first, last, num):
        damaged[place] ^= int(rng.integers(1, 256))
    return bytes(damaged)
