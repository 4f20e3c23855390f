"""Which samples of a recording a wanted stretch of it needs, so that stretches join without a seam.

Resampling a stretch alone would place its samples between those of the whole and ring at both ends.
So a little more is read, from a point where both sample grids meet, and cut off afterwards.
"""

import math
from dataclasses import dataclass

import numpy as np

MARGIN_SECONDS = 0.05
"""Longer than the reach of either resampler's filter."""


@dataclass(frozen=True)
class Excerpt:
    """A stretch of sound in samples of the target rate.

    Attributes:
        first_sample: where it starts, at `target_rate_hz`.
        num_samples: how long it is, at `target_rate_hz`; None means to the end.
        target_rate_hz: the rate wanted.
    """

    first_sample: int
    num_samples: int | None
    target_rate_hz: int

    @classmethod
    def from_seconds(
        cls, offset_seconds: float, max_seconds: float | None, target_rate_hz: int
    ) -> "Excerpt":
        """The stretch that starts at `offset_seconds` and lasts at most `max_seconds`."""
        first_sample = round(offset_seconds * target_rate_hz)
        if max_seconds is None:
            return cls(first_sample, None, target_rate_hz)
        return cls(first_sample, max(1, round(max_seconds * target_rate_hz)), target_rate_hz)

    def to_source_span(self, source_rate_hz: int) -> tuple[int, int | None]:
        """First sample to read and how many (None: all that follow), at the source's rate."""
        if source_rate_hz == self.target_rate_hz:
            return self.first_sample, self.num_samples
        first = self._lead_in(source_rate_hz)[0]
        if self.num_samples is None:
            return first, None
        margin = math.ceil(MARGIN_SECONDS * source_rate_hz)
        last_sample = self.first_sample + self.num_samples
        end = math.ceil(last_sample * source_rate_hz / self.target_rate_hz) + margin
        return first, end - first

    def trim(self, waveform: np.ndarray, source_rate_hz: int) -> np.ndarray:
        """The stretch itself, out of what was read by `to_source_span` and resampled."""
        skipped = 0
        if source_rate_hz != self.target_rate_hz:
            skipped = self.first_sample - self._lead_in(source_rate_hz)[1]
        end = None if self.num_samples is None else skipped + self.num_samples
        return waveform[skipped:end]

    def _lead_in(self, source_rate_hz: int) -> tuple[int, int]:
        """The last common point of both grids before the stretch, in source and target samples."""
        common = math.gcd(source_rate_hz, self.target_rate_hz)
        margin = math.ceil(MARGIN_SECONDS * self.target_rate_hz)
        num_steps = max(0, self.first_sample - margin) // (self.target_rate_hz // common)
        return (
            num_steps * (source_rate_hz // common),
            num_steps * (self.target_rate_hz // common),
        )
