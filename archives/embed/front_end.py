"""STAND-IN until the contract of front ends is there."""

from __future__ import annotations

import math
from dataclasses import dataclass

WINDOWS_PER_BATCH = 64


@dataclass(frozen=True, kw_only=True)
class FrontEndSpec:
    """Stand-in."""

    name: str
    sample_rate_hz: int
    window_seconds: float
    hop_seconds: float
    embedding_size: int
    min_seconds: float = 0.1

    @property
    def window_samples(self) -> int:
        """Samples of one frame."""
        return round(self.window_seconds * self.sample_rate_hz)

    @property
    def hop_samples(self) -> int:
        """Samples from the start of one frame to that of the next."""
        return round(self.hop_seconds * self.sample_rate_hz)

    @property
    def min_samples(self) -> int:
        """Samples of the shortest sound that it takes."""
        return round(self.min_seconds * self.sample_rate_hz)

    def frames_in(self, seconds: float) -> int:
        """How many frames."""
        return self.frames_in_samples(round(seconds * self.sample_rate_hz))

    def frames_in_samples(self, num_samples: int) -> int:
        """How many frames."""
        if num_samples == 0:
            return 0
        return 1 + math.ceil(max(num_samples - self.window_samples, 0) / self.hop_samples)


YAMNET = FrontEndSpec(
    name="yamnet",
    sample_rate_hz=16_000,
    window_seconds=0.975,
    hop_seconds=0.48,
    embedding_size=1024,
)
