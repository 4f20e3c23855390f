"""Recordings: from a file to a mono waveform at the model's rate, and back."""

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from media.atomic import atomic_file
from media.errors import UnreadableMediaError, check_positive
from media.sound_files import SoundReader, open_sound
from media.waveforms import Mixer, Resampler, check_waveform, regroup, resample

logger = logging.getLogger(__name__)

AUDIO_EXTENSIONS: frozenset[str] = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64"}
    | {".m4a", ".aac", ".wma", ".wv", ".ac3", ".mka"}
)
"""What a folder scan takes for a recording (lower case). The loaders themselves go by content."""

_HIGHEST_AMPLITUDE = 100.0
"""Float files may exceed full scale a little; beyond 40 dB over it the scale is another one."""
_MARGIN_SECONDS = 0.05
"""Longer than the reach of either resampler's filter."""


@dataclass(frozen=True)
class AudioInfo:
    """What a recording's header says.

    Attributes:
        sample_rate_hz: int > 0.
        num_channels: int > 0.
        duration_seconds: float > 0; None where the file does not tell.
        is_seekable: whether a stretch is decoded without all that precedes it.
    """

    sample_rate_hz: int
    num_channels: int
    duration_seconds: float | None
    is_seekable: bool = True


def probe_audio(path: str | Path) -> AudioInfo:
    """A recording's rate, channels and length, without decoding it.

    The length is what the header says, or a guess from the file's size (MP3 without a table of
    contents; too long by its tags, commonly under 0.5 s): `load_waveform` may give less.

    Raises:
        FileNotFoundError: nothing is at this path.
        UnreadableMediaError: it is not a recording.
    """
    with open_sound(Path(path)) as sound:
        told = sound.sample_rate_hz, sound.num_channels, sound.duration_seconds
        return AudioInfo(*told, sound.is_seekable)


def load_waveform(
    path: str | Path,
    *,
    sample_rate_hz: int,
    offset_seconds: float = 0.0,
    max_seconds: float | None = None,
    resampler: Resampler = "soxr_hq",
) -> np.ndarray:
    """A recording, or a stretch of it, as the model hears it: mono, at its sample rate.

    Decodes no more than the stretch needs (with 50 ms around it for the resampler). Stretches that
    follow each other join without a seam. A file that is damaged on the way gives its good part and
    a warning in the log, as does a source rate below the wanted one. Very short and silent
    recordings load: whether they are of use is the caller's decision.

    Args:
        path: the file; what it is, its content says, not its name.
        sample_rate_hz: int > 0, of the result.
        offset_seconds: float >= 0, where to start.
        max_seconds: float > 0, how much at most; None for all.
        resampler: "soxr_hq" or "kaiser_best", see `resample`.
    Returns:
        float32 [num_samples], full scale at [-1, 1]. Float files, and decoders of lossy formats,
        may exceed it: such samples are neither clipped nor scaled.
    Raises:
        FileNotFoundError: nothing is at this path.
        ValueError: an option out of its range.
        UnreadableMediaError: not a recording, nothing in it can be decoded, nothing at that
            offset, NaN or infinite samples, or amplitudes beyond 100 times full scale.
    """
    waveform, notes = load_waveform_with_notes(
        path,
        sample_rate_hz=sample_rate_hz,
        offset_seconds=offset_seconds,
        max_seconds=max_seconds,
        resampler=resampler,
    )
    for note in notes:
        logger.warning(note, path)
    return waveform


def load_waveform_with_notes(
    path: str | Path,
    *,
    sample_rate_hz: int,
    offset_seconds: float = 0.0,
    max_seconds: float | None = None,
    resampler: Resampler = "soxr_hq",
) -> tuple[np.ndarray, tuple[str, ...]]:
    """`load_waveform`, and what it would have warned of, to be repeated when the result is used again.

    Returns:
        float32 [num_samples]; and messages, each with one `%s` for the file's name: `note % path`.
    """
    path = Path(path)
    check_positive(sample_rate_hz=sample_rate_hz, max_seconds=max_seconds)
    if not 0 <= offset_seconds < math.inf:
        raise ValueError(f"Expected offset_seconds >= 0, received {offset_seconds}.")
    with open_sound(path) as sound:
        rate = sound.sample_rate_hz
        first, count, kept = _stretch(offset_seconds, max_seconds, rate, sample_rate_hz)
        mixer = Mixer(sound.num_channels, rate)
        pieces = regroup(sound.read(first, count), rate)
        mono = [*mixer.mix(_checked(path, pieces, first / rate, rate))]
        waveform = np.concatenate([np.zeros(0, dtype=np.float32), *mono])
        notes = notes_on_quality(sound, mixer, sample_rate_hz)
        if sound.damage is not None:
            damage = sound.damage.replace("%", "%%")
            seconds = len(waveform) / rate
            notes = (f"'%s' is damaged: {damage}. {seconds:.2f} s are used.", *notes)
    waveform = resample(waveform, rate, sample_rate_hz, resampler=resampler)[kept]
    if len(waveform) == 0:
        raise nothing_there(path, offset_seconds, sound.damage)
    return waveform, notes


def save_waveform(path: str | Path, waveform: np.ndarray, sample_rate_hz: int) -> None:
    """Write a mono waveform as 16-bit WAV or FLAC, by the extension; the folder must exist.

    Args:
        path: ends with .wav or .flac.
        waveform: float [num_samples] in [-1, 1]; what exceeds it is clipped.
        sample_rate_hz: int > 0.
    Raises:
        ValueError: another extension, another form of waveform, NaN or infinite samples.
        OSError: it could not be written; nothing half-written is left behind.
    """
    path = Path(path)
    file_format = path.suffix.lower().removeprefix(".").upper()
    if file_format not in {"WAV", "FLAC"}:
        raise ValueError(f"Expected a name ending with .wav or .flac, received '{path}'.")
    check_waveform(waveform)
    samples = np.clip(waveform, -1, 1)
    with atomic_file(path) as temporary:
        try:
            soundfile.write(
                temporary, samples, sample_rate_hz, subtype="PCM_16", format=file_format
            )
        except soundfile.LibsndfileError as error:
            raise OSError(f"Cannot write '{path}': {error.error_string}") from error


def nothing_there(
    path: Path, offset_seconds: float = 0.0, damage: str | None = None
) -> UnreadableMediaError:
    """The refusal of a recording that holds no sample where some were wanted."""
    where = f" at or after {offset_seconds:.3f} s" if offset_seconds else ""
    why = f"; {damage}" if damage else ""
    return UnreadableMediaError(
        path,
        f"expected sound, found no samples{where}{why}. Record or copy it again, or remove it.",
    )


def check_amplitude(path: Path, samples: np.ndarray) -> None:
    """Refuse samples on another scale than full scale at 1."""
    peak = float(max(samples.max(), -samples.min())) if samples.size else 0.0
    if peak > _HIGHEST_AMPLITUDE:
        raise UnreadableMediaError(
            path,
            f"its samples reach {peak:.4g}, expected -1 to 1: damaged, or written as float without"
            " scaling (16-bit samples need to be divided by 32768). Export it again.",
        )


def notes_on_quality(sound: SoundReader, mixer: Mixer, target_rate_hz: int) -> tuple[str, ...]:
    """What else is to be said of a recording, with `%s` for its name."""
    rate = sound.sample_rate_hz
    low_rate = (
        f"'%s' has {rate} samples per second, the model wants {target_rate_hz}: above"
        f" {rate // 2} Hz it holds no sound."
    )
    notes = (low_rate if rate < target_rate_hz else None, mixer.note)
    return tuple(note for note in notes if note is not None)


def _checked(
    path: Path, pieces: Iterator[np.ndarray], start_seconds: float, rate: int
) -> Iterator[np.ndarray]:
    num_samples = 0
    for samples in pieces:
        is_finite = np.isfinite(samples).all(axis=1)
        if not is_finite.all():
            seconds = start_seconds + (num_samples + int(np.argmin(is_finite))) / rate
            raise UnreadableMediaError(
                path,
                f"it holds NaN or infinite samples, the first at {seconds:.3f} s. Export it again,"
                " or cut that part out.",
            )
        check_amplitude(path, samples)
        num_samples += len(samples)
        yield samples


def _stretch(
    offset_seconds: float, max_seconds: float | None, source_rate_hz: int, target_rate_hz: int
) -> tuple[int, int | None, slice]:
    """The first sample to read, how many, and which of the resampled ones to keep.

    Resampling a stretch alone would place its samples between those of the whole and ring at both
    ends. So a little more is read, from a point where both sample grids meet.
    """
    start = round(offset_seconds * target_rate_hz)
    length = None if max_seconds is None else max(1, round(max_seconds * target_rate_hz))
    if source_rate_hz == target_rate_hz:
        return start, length, slice(length)
    common = math.gcd(source_rate_hz, target_rate_hz)
    margin = math.ceil(_MARGIN_SECONDS * target_rate_hz)
    num_steps = max(0, start - margin) // (target_rate_hz // common)
    first = num_steps * (source_rate_hz // common)
    skipped = start - num_steps * (target_rate_hz // common)
    if length is None:
        return first, None, slice(skipped, None)
    end = math.ceil((start + length) * source_rate_hz / target_rate_hz)
    count = end + math.ceil(_MARGIN_SECONDS * source_rate_hz) - first
    return first, count, slice(skipped, skipped + length)
