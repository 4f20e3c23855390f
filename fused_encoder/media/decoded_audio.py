"""What both audio readers hand over: the samples as the file has them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fused_encoder.media.errors import UnreadableMediaError

LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 100, 4_000_000


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
