"""A recording listened to from beginning to end: what of it decodes, and what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fused_encoder.media.audio import load_waveform_with_notes
from fused_encoder.media.errors import UnreadableMediaError
from inference.survey.records import FaultKind, SurveyedFile

_STRETCH_SECONDS = 300.0
_CLIPPED_LEVEL, _CLIPPED_RUN = 0.999, 3
_CLIPPED_SHARE = 0.001
_SHORT_SECONDS = 1.0
_SHORT_SHARE = 0.02


@dataclass(frozen=True)
class _Heard:
    """One stretch: mono samples, and what the decoder noted."""

    waveform: np.ndarray
    notes: tuple[str, ...]


def listened_to(file: SurveyedFile) -> SurveyedFile:
    """The file with the faults that only decoding finds.

    Args:
        file: a recording that its header calls readable.
    """
    num_samples = num_clipped = 0
    is_silent = True
    damage: list[str] = []
    rate = file.sample_rate_hz or 16_000
    try:
        for heard in _stretches(file, rate):
            num_samples += len(heard.waveform)
            num_clipped += count_clipped(heard.waveform)
            is_silent = is_silent and bool(np.ptp(heard.waveform) == 0)
            damage += [note for note in heard.notes if "is damaged" in note and note not in damage]
    except UnreadableMediaError as error:
        kind: FaultKind = "damaged" if num_samples else "unreadable"
        return file.with_fault("non_finite" if "NaN" in error.reason else kind, error.reason)
    if damage and not file.has("truncated"):
        file = file.with_fault("damaged", (damage[0] % "it").replace("'it'", "it"))
    seconds = num_samples / rate
    expected = file.duration_seconds or seconds
    if not damage and seconds < expected * (1 - _SHORT_SHARE) - _SHORT_SECONDS:
        file = file.with_fault("damaged", f"{seconds:.1f} s of {expected:.1f} s can be decoded.")
    if is_silent:
        return file.with_fault(
            "silent", "digital silence from beginning to end: check the microphone."
        )
    if num_clipped > _CLIPPED_SHARE * num_samples:
        share = 100 * num_clipped / num_samples
        return file.with_fault(
            "clipped", f"{share:.1f} % of its samples are clipped: lower the gain."
        )
    return file


def count_clipped(waveform: np.ndarray) -> int:
    """Samples that stand at full scale three or more in a row.

    Args:
        waveform: float32 [num_samples].
    """
    at_limit = np.concatenate(([False], np.abs(waveform) >= _CLIPPED_LEVEL, [False]))
    edges = np.flatnonzero(at_limit[1:] != at_limit[:-1])
    lengths = edges[1::2] - edges[::2]
    return int(lengths[lengths >= _CLIPPED_RUN].sum())


def _stretches(file: SurveyedFile, rate: int) -> Iterator[_Heard]:
    """The whole recording at its own rate, piece by piece where the decoder can jump."""
    duration = file.duration_seconds or 0.0
    if file.bits_per_sample is None or duration <= _STRETCH_SECONDS:
        yield _Heard(*load_waveform_with_notes(file.path, sample_rate_hz=rate))
        return
    for place in np.arange(0.0, duration, _STRETCH_SECONDS):
        try:
            waveform, notes = load_waveform_with_notes(
                file.path,
                sample_rate_hz=rate,
                offset_seconds=float(place),
                max_seconds=_STRETCH_SECONDS,
            )
        except UnreadableMediaError as error:
            if place == 0 or "found no samples" not in error.reason:
                raise
            return
        yield _Heard(waveform, notes)
