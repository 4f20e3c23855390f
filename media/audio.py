"""Recordings: from a file to a mono waveform at the model's rate, and back."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile

from media.atomic import atomic_file
from media.decoded_audio import (
    DecodedAudio,
    check_amplitude,
    note_on_rate,
    nothing_there,
)
from media.errors import UnreadableMediaError
from media.excerpt import Excerpt
from media.files import read_head
from media.mixing import mix_down_with_note
from media.pyav_reader import open_audio_stream, read_with_pyav
from media.resampling import Resampler, resample
from media.soundfile_reader import open_soundfile_source, read_with_soundfile

logger = logging.getLogger(__name__)

AUDIO_EXTENSIONS: frozenset[str] = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64"}
    | {".m4a", ".aac", ".wma", ".wv", ".ac3", ".mka"}
)
"""What a folder scan takes for a recording (lower case). The loaders themselves go by content."""


@dataclass(frozen=True)
class AudioInfo:
    """What a recording's header says.

    Attributes:
        sample_rate_hz: int > 0.
        num_channels: int > 0.
        duration_seconds: float > 0; None where the file does not tell.
        decoder: which library reads it.
    """

    sample_rate_hz: int
    num_channels: int
    duration_seconds: float | None
    decoder: Literal["soundfile", "pyav"]


def probe_audio(path: str | Path) -> AudioInfo:
    """A recording's rate, channels and length, without decoding it.

    The length is what the header says, or a guess from the file's size (MP3 without a table of
    contents; too long by its tags, commonly under 0.5 s): `load_waveform` may give less.

    Raises:
        FileNotFoundError: nothing is at this path.
        UnreadableMediaError: it is not a recording.
    """
    path = Path(path)
    read_head(path)
    with open_soundfile_source(path) as source:
        if source is not None and source.num_samples != 0:
            num_samples, rate = source.num_samples, source.sample_rate_hz
            duration_seconds = None if num_samples is None else num_samples / rate
            return AudioInfo(rate, source.num_channels, duration_seconds, "soundfile")
    with open_audio_stream(path) as (container, stream):
        codec = stream.codec_context
        duration_seconds = float((stream.duration or 0) * (stream.time_base or 0))
        duration_seconds = duration_seconds or (container.duration or 0) / 1_000_000
        return AudioInfo(codec.sample_rate, codec.channels, duration_seconds or None, "pyav")


def load_waveform(
    path: str | Path,
    *,
    sample_rate_hz: int = 16000,
    offset_seconds: float = 0.0,
    max_seconds: float | None = None,
    resampler: Resampler = "soxr_hq",
) -> np.ndarray:
    """A recording, or a stretch of it, as the model hears it: mono, at its sample rate.

    Decodes no more than the stretch needs (with 50 ms around it for the resampler). Stretches that
    follow each other join without a seam. A file that is damaged on the way gives its good part
    (what precedes the damage, and what follows where the decoder finds its way again) and a warning
    in the log; only when nothing can be decoded is it refused. A source rate below the wanted one
    is warned of.
    Very short and silent recordings load: whether they are of use is the caller's decision.

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
    sample_rate_hz: int = 16000,
    offset_seconds: float = 0.0,
    max_seconds: float | None = None,
    resampler: Resampler = "soxr_hq",
) -> tuple[np.ndarray, tuple[str, ...]]:
    """`load_waveform`, and what it would have warned of.

    For whoever keeps the result and wants to repeat the warnings when it is used again.

    Args:
        path: as in `load_waveform`.
        sample_rate_hz: as in `load_waveform`.
        offset_seconds: as in `load_waveform`.
        max_seconds: as in `load_waveform`.
        resampler: as in `load_waveform`.
    Returns:
        float32 [num_samples]; and messages, each with one `%s` for the file's name: `note % path`.
    Raises:
        FileNotFoundError, ValueError, UnreadableMediaError: as `load_waveform`.
    """
    path = Path(path)
    _check_options(sample_rate_hz, offset_seconds, max_seconds)
    read_head(path)
    excerpt = Excerpt.from_seconds(offset_seconds, max_seconds, sample_rate_hz)
    decoded = _decode(path, excerpt)
    _check_samples(path, decoded, excerpt)
    notes = _notes_on_quality(decoded, sample_rate_hz)
    mono, mixing_note = mix_down_with_note(decoded.samples)
    if mixing_note is not None:
        notes.append(mixing_note.replace("%s", "'%s'"))
    rate = decoded.sample_rate_hz
    waveform = excerpt.trim(resample(mono, rate, sample_rate_hz, resampler=resampler), rate)
    if len(waveform) == 0:
        raise nothing_there(path, offset_seconds)
    return waveform, tuple(notes)


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
    if waveform.ndim != 1 or not np.isfinite(waveform).all():
        raise ValueError(
            "Expected a finite mono waveform [num_samples],"
            f" received {list(waveform.shape)}, {np.sum(~np.isfinite(waveform))} not finite."
        )
    samples = np.clip(waveform, -1, 1)
    with atomic_file(path) as temporary:
        try:
            soundfile.write(
                temporary, samples, sample_rate_hz, subtype="PCM_16", format=file_format
            )
        except soundfile.LibsndfileError as error:
            raise OSError(f"Cannot write '{path}': {error.error_string}") from error


def _decode(path: Path, excerpt: Excerpt) -> DecodedAudio:
    decoded = read_with_soundfile(path, excerpt)
    if decoded is not None and len(decoded.samples) > 0:
        return decoded
    return read_with_pyav(path, excerpt)


def _check_options(sample_rate_hz: int, offset_seconds: float, max_seconds: float | None) -> None:
    if sample_rate_hz <= 0:
        raise ValueError(f"Expected sample_rate_hz > 0, received {sample_rate_hz}.")
    if not 0 <= offset_seconds < float("inf"):
        raise ValueError(f"Expected offset_seconds >= 0, received {offset_seconds}.")
    if max_seconds is not None and not 0 < max_seconds < float("inf"):
        raise ValueError(f"Expected max_seconds > 0 or None (all), received {max_seconds}.")


def _check_samples(path: Path, decoded: DecodedAudio, excerpt: Excerpt) -> None:
    samples = decoded.samples
    if len(samples) == 0:
        raise nothing_there(path, excerpt.first_sample / excerpt.target_rate_hz, decoded.damage)
    if not np.isfinite(samples).all():
        is_finite = np.isfinite(samples).all(axis=1)
        first_read = excerpt.to_source_span(decoded.sample_rate_hz)[0]
        first_bad = (first_read + int(np.argmin(is_finite))) / decoded.sample_rate_hz
        raise UnreadableMediaError(
            path,
            f"{np.sum(~is_finite)} of {len(samples)} samples are NaN or infinite, the first at"
            f" {first_bad:.3f} s. Export it again, or cut that part out.",
        )
    check_amplitude(path, float(np.abs(samples).max()))


def _notes_on_quality(decoded: DecodedAudio, sample_rate_hz: int) -> list[str]:
    notes = []
    if decoded.damage is not None:
        num_seconds = len(decoded.samples) / decoded.sample_rate_hz
        damage = decoded.damage.replace("%", "%%")
        notes.append(f"'%s' is damaged: {damage}. {num_seconds:.2f} s are used.")
    rate_note = note_on_rate(decoded.sample_rate_hz, sample_rate_hz)
    return notes if rate_note is None else [*notes, rate_note]
