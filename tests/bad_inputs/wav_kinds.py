"""WAV recordings with odd headers or odd samples."""

from pathlib import Path

import numpy as np

from tests.bad_inputs.good_media import (
    RATE_HZ,
    encoded_sound,
    song,
    wav,
    wav_of,
    wav_of_floats,
)
from tests.bad_inputs.kind import KindTable

Rng = np.random.Generator
WAV_KINDS = KindTable()


@WAV_KINDS.add(
    "recording", ".wav", "partial", "the part that is there", says="bytes of sound that its header"
)
def wav_cut_short(path: Path, rng: Rng) -> None:
    """WAV that ends before its header says: a full card, a copy that broke off."""
    whole = wav_of(song(rng))
    path.write_bytes(whole[: len(whole) * 3 // 4])


@WAV_KINDS.add("recording", ".wav", "unreadable", says="found no samples")
def wav_header_without_sound(path: Path, rng: Rng) -> None:
    """WAV of which only the header was written."""
    path.write_bytes(wav_of(song(rng))[:44])


@WAV_KINDS.add("recording", ".wav", "unreadable", says="found no samples")
def wav_of_no_length(path: Path, rng: Rng) -> None:
    """WAV whose sound is 0 samples long, as its header says."""
    path.write_bytes(wav(b""))


@WAV_KINDS.add("recording", ".wav", "ok", "read to the end of the file")
def wav_never_closed(path: Path, rng: Rng) -> None:
    """WAV whose header says 0 bytes of sound: the battery died before the recorder filled it in."""
    path.write_bytes(wav_of(song(rng), data_bytes=0, riff_bytes=36))


@WAV_KINDS.add("recording", ".wav", "ok", "read to the end of the file")
def wav_from_a_pipe(path: Path, rng: Rng) -> None:
    """WAV whose header says 4 GiB: written to a pipe, whose writer cannot go back."""
    path.write_bytes(wav_of(song(rng), data_bytes=0xFFFFFFFF, riff_bytes=0xFFFFFFFF))


@WAV_KINDS.add("recording", ".wav", "ok", "the whole sound")
def wav_of_wrong_riff_size(path: Path, rng: Rng) -> None:
    """WAV whose outermost size is wrong while that of the sound is right."""
    path.write_bytes(wav_of(song(rng), riff_bytes=int(rng.integers(0, 2**31))))


@WAV_KINDS.add("recording", ".wav", "ok", "the whole sound")
def wav_of_12_bits(path: Path, rng: Rng) -> None:
    """WAV of 12-bit samples, kept in 16."""
    samples = np.round(song(rng) * 2047).astype("<i2") << 4
    path.write_bytes(wav(samples.tobytes(), bits=12))


@WAV_KINDS.add("recording", ".wav", "ok", "the whole sound")
def wav_of_8_bits(path: Path, rng: Rng) -> None:
    """WAV of 8-bit samples."""
    path.write_bytes(encoded_sound(song(rng), "WAV", "PCM_U8"))


@WAV_KINDS.add("recording", ".wav", "ok", "the whole sound")
def wav_of_24_bits(path: Path, rng: Rng) -> None:
    """WAV of 24-bit samples."""
    path.write_bytes(encoded_sound(song(rng), "WAV", "PCM_24"))


@WAV_KINDS.add("recording", ".wav", "ok", "the whole sound")
def wav_of_64_bits(path: Path, rng: Rng) -> None:
    """WAV of 64-bit integers."""
    samples = (song(rng).astype(np.float64) * 2**62).astype("<i8")
    path.write_bytes(wav(samples.tobytes(), bits=64))


@WAV_KINDS.add("recording", ".wav", "ok", "the whole sound")
def wav_of_doubles(path: Path, rng: Rng) -> None:
    """WAV of 64-bit floats."""
    path.write_bytes(wav_of_floats(song(rng).astype(np.float64)))


@WAV_KINDS.add(
    "recording", ".wav", "unreadable", says="found a WAV recording that cannot be decoded"
)
def wav_of_0_hz(path: Path, rng: Rng) -> None:
    """WAV whose header says 0 samples per second."""
    path.write_bytes(wav_of(song(rng), rate_hz=0))


@WAV_KINDS.add(
    "recording", ".wav", "unreadable", says="samples per second, expected 100 to 4000000"
)
def wav_of_absurd_rate(path: Path, rng: Rng) -> None:
    """WAV whose header says 2 billion samples per second."""
    path.write_bytes(wav_of(song(rng), rate_hz=2_000_000_000))


@WAV_KINDS.add("recording", ".wav", "unreadable", says="found no samples")
def wav_of_0_channels(path: Path, rng: Rng) -> None:
    """WAV whose header says 0 channels."""
    path.write_bytes(wav_of(song(rng), num_channels=0))


@WAV_KINDS.add("recording", ".wav", "unreadable", says="found no samples")
def wav_of_absurd_channels(path: Path, rng: Rng) -> None:
    """WAV whose header says 65535 channels."""
    path.write_bytes(wav_of(song(rng), num_channels=65535))


@WAV_KINDS.add("recording", ".wav", "unreadable", says="without sound that FFmpeg can decode")
def wav_of_odd_bits(path: Path, rng: Rng) -> None:
    """WAV whose header says 77 bits per sample."""
    path.write_bytes(wav_of(song(rng), bits=77))


@WAV_KINDS.add("recording", ".wav", "non_finite", says="NaN or infinite")
def nan_in_the_middle(path: Path, rng: Rng) -> None:
    """Recording of one window with NaN in its middle."""
    samples = song(rng)
    samples[16000:16100] = np.nan
    path.write_bytes(wav_of_floats(samples))


@WAV_KINDS.add(
    "recording", ".wav", "partial", "the windows without it", says="NaN or infinite", loads=False
)
def nan_in_some_windows(path: Path, rng: Rng) -> None:
    """Recording of many windows with NaN in some."""
    samples = song(rng, 15.0, rate_hz=8000)
    samples[8000:8100] = np.nan
    path.write_bytes(wav_of_floats(samples, rate_hz=8000))


@WAV_KINDS.add("recording", ".wav", "non_finite", says="NaN or infinite")
def nan_throughout(path: Path, rng: Rng) -> None:
    """Recording of nothing but NaN."""
    path.write_bytes(wav_of_floats(np.full(2 * RATE_HZ, np.nan, np.float32)))


@WAV_KINDS.add("recording", ".wav", "non_finite", says="NaN or infinite")
def infinite_samples(path: Path, rng: Rng) -> None:
    """Recording of one window with infinite samples."""
    samples = song(rng)
    samples[::500] = np.inf
    path.write_bytes(wav_of_floats(samples))


@WAV_KINDS.add("recording", ".wav", "unreadable", says="written as float without scaling")
def floats_without_scale(path: Path, rng: Rng) -> None:
    """Recording of 16-bit numbers that were stored as float without dividing."""
    path.write_bytes(wav_of_floats(np.round(song(rng) * 32768).astype(np.float32)))


@WAV_KINDS.add("recording", ".wav", "silent", says="digital silence")
def digital_silence(path: Path, rng: Rng) -> None:
    """Recording of zeros: a microphone that was never plugged in."""
    path.write_bytes(wav_of(np.zeros(2 * RATE_HZ)))


@WAV_KINDS.add("recording", ".wav", "silent", says="digital silence")
def constant_voltage(path: Path, rng: Rng) -> None:
    """Recording of one value other than zero."""
    path.write_bytes(wav_of(np.full(2 * RATE_HZ, 0.25)))


@WAV_KINDS.add("recording", ".wav", "ok", "the click is sound")
def click_in_silence(path: Path, rng: Rng) -> None:
    """Recording of digital silence with one click."""
    samples = np.zeros(2 * RATE_HZ)
    samples[20000:20040] = 0.8 * np.sin(np.arange(40) * 0.4)
    path.write_bytes(wav_of(samples))


@WAV_KINDS.add("recording", ".wav", "too_short", says="0.1 s")
def shorter_than_a_frame(path: Path, rng: Rng) -> None:
    """Recording of less than 0.1 s."""
    path.write_bytes(wav_of(song(rng, seconds=0.06)))


@WAV_KINDS.add("recording", ".wav", "too_short", says="0.1 s")
def one_sample(path: Path, rng: Rng) -> None:
    """Recording of a single sample."""
    path.write_bytes(wav_of(np.array([0.5])))


@WAV_KINDS.add("recording", ".wav", "unreadable", says="clipped throughout", loads=True)
def clipped_throughout(path: Path, rng: Rng) -> None:
    """Recording that is clipped throughout: the gain was too high."""
    path.write_bytes(wav_of(np.clip(song(rng) * 50, -1, 1)))


@WAV_KINDS.add(
    "recording", ".wav", "ok", "the loudest channel, with a warning", says="cancel when mixed"
)
def anti_phase_stereo(path: Path, rng: Rng) -> None:
    """Stereo of opposite polarity: a miswired cable."""
    samples = song(rng)
    path.write_bytes(wav_of(np.stack([samples, -0.8 * samples], axis=1), num_channels=2))


@WAV_KINDS.add("recording", ".wav", "ok", "the mean of the channels")
def surround(path: Path, rng: Rng) -> None:
    """Recording in 5.1."""
    samples = np.stack([song(rng, 1.0) for _ in range(6)], axis=1)
    path.write_bytes(wav_of(samples, num_channels=6))


@WAV_KINDS.add(
    "recording", ".wav", "ok", "resampled, with a warning", says="above 4000 Hz it holds no sound"
)
def wav_of_8_khz(path: Path, rng: Rng) -> None:
    """Recording at 8 kHz."""
    path.write_bytes(wav_of(song(rng, rate_hz=8000), rate_hz=8000))


@WAV_KINDS.add("recording", ".wav", "ok", "resampled")
def wav_of_192_khz(path: Path, rng: Rng) -> None:
    """Recording at 192 kHz."""
    path.write_bytes(wav_of(song(rng, 0.5, rate_hz=192000), rate_hz=192000))
