"""What both audio readers hand over, the samples as the file has them, and what is refused of it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from media.errors import UnreadableMediaError

LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 100, 4_000_000
HIGHEST_AMPLITUDE = 100.0
"""Float files may exceed full scale a little; beyond 40 dB over it the scale is another one."""
CLIPPING_LEVEL = 0.999
"""The amplitude from which on a sample is as loud as a format allows; encoders keep a little below 1."""


@dataclass(frozen=True)
class DecodedAudio:
    """Samples at the file's own rate, all its channels.

    Attributes:
        samples: float32 [num_samples, num_channels], full scale at 1.
        sample_rate_hz: int > 0.
        damage: why this is less than the file promised; None if it is all of it.
    """

    samples: np.ndarray
    sample_rate_hz: int
    damage: str | None = None


def check_rate(path: Path, sample_rate_hz: int) -> None:
    """Refuse a rate that no recorder has: a damaged header would blow seconds up to days."""
    if not LOWEST_RATE_HZ <= sample_rate_hz <= HIGHEST_RATE_HZ:
        raise UnreadableMediaError(
            path,
            f"its header says {sample_rate_hz} samples per second, expected {LOWEST_RATE_HZ} to"
            f" {HIGHEST_RATE_HZ}. The header is damaged: copy the file again from its source.",
        )


def check_amplitude(path: Path, peak: float) -> None:
    """Refuse samples on another scale than full scale at 1."""
    if peak > HIGHEST_AMPLITUDE:
        raise UnreadableMediaError(
            path,
            f"its samples reach {peak:.4g}, expected -1 to 1: damaged, or written as float without"
            " scaling (16-bit samples need to be divided by 32768). Export it again.",
        )


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


def note_on_rate(source_rate_hz: int, target_rate_hz: int) -> str | None:
    """What to say of a source with less than the model hears, with `%s` for its name; or None."""
    if source_rate_hz >= target_rate_hz:
        return None
    return (
        f"'%s' has {source_rate_hz} samples per second, the model wants "
        f"{target_rate_hz}: above {source_rate_hz // 2} Hz it holds no sound."
    )
