"""How a mel spectrogram is made of sound: its numbers, and the weights of its bands."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from media.wording import some_problems

if TYPE_CHECKING:
    import numpy as np

MelScale = Literal["slaney", "htk"]

ROWS_VERSION = 1  # raised when the same settings give other rows than before

SILENCE_DB = -100.0
"""What digital silence is in a row, as in librosa (`amin=1e-10`). No value is lower."""


@dataclass(frozen=True, kw_only=True)
class MelSettings:
    """The numbers of a mel spectrogram. The defaults are the published ones: 5 s are [313, 128].

    Several window lengths see both what is short and what is finely tuned: their bands stand side by side in
    a row, all around the same moment.

    Args:
        sample_rate_hz: int > 0, of the waveforms.
        num_bands: int >= 1, for each window length.
        fft_lengths: ints, even, samples of a window (Hann), such as (1024, 2048, 4096).
        hop_samples: int >= 1, from row to row, at most the shortest window.
        min_hz: float >= 0, where the lowest band begins.
        max_hz: float, where the highest band ends, at most half the sample rate. None (default): just that.
        mel_scale: "slaney" (librosa's default: linear below 1 kHz), or "htk". Bands are divided by their
            width in either, as librosa's are.

    Raises:
        ValueError: a number is out of range (all that is wrong in one message).
    """

    sample_rate_hz: int = 32_000
    num_bands: int = 128
    fft_lengths: tuple[int, ...] = (2048,)
    hop_samples: int = 512
    min_hz: float = 20.0
    max_hz: float | None = None
    mel_scale: MelScale = "slaney"

    def __post_init__(self) -> None:
        object.__setattr__(self, "fft_lengths", tuple(self.fft_lengths))
        if problems := list(self._problems()):
            raise ValueError(f"No mel spectrogram can be made: {some_problems(problems)}.")

    @property
    def size(self) -> int:
        """Numbers in a row: the bands of all window lengths."""
        return self.num_bands * len(self.fft_lengths)

    @property
    def window_samples(self) -> int:
        """Samples that a row is made of: the longest window."""
        return max(self.fft_lengths)

    @property
    def highest_hz(self) -> float:
        """Where the highest band ends."""
        return self.sample_rate_hz / 2 if self.max_hz is None else self.max_hz

    @property
    def fingerprint(self) -> str:
        """Names these numbers, 16 hexadecimal characters. Nothing is learnt: they say all."""
        told = (
            f"mel {ROWS_VERSION} {self.sample_rate_hz} {self.num_bands} {self.fft_lengths} "
            f"{self.hop_samples} {float(self.min_hz)} {float(self.highest_hz)} {self.mel_scale}"
        )
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def band_weights(self, fft_length: int) -> np.ndarray:
        """How much each frequency counts in each band, float32 [fft_length / 2 + 1, num_bands].

        Raises:
            ValueError: a band lies between two frequencies of the transform and would always be silent.
        """
        from soundscapes.mel_bands import mel_bands

        weights = mel_bands(
            self.sample_rate_hz,
            fft_length,
            self.num_bands,
            min_hz=self.min_hz,
            max_hz=self.highest_hz,
            is_htk=self.mel_scale == "htk",
        )
        num_empty = int((weights.max(axis=0) == 0).sum())
        if num_empty:
            raise ValueError(
                f"{num_empty} of {self.num_bands} mel bands from {self.min_hz:g} to {self.highest_hz:g} Hz "
                f"hold no frequency of a window of {fft_length} samples (these are "
                f"{self.sample_rate_hz / fft_length:.1f} Hz apart). Use fewer bands, or longer windows."
            )
        return weights

    def _problems(self) -> list[str]:
        problems = []
        if min(self.sample_rate_hz, self.num_bands) < 1:
            problems.append(
                "expected sample_rate_hz and num_bands of at least 1, received "
                f"{self.sample_rate_hz} and {self.num_bands}"
            )
        if not self.fft_lengths or any(length < 2 or length % 2 for length in self.fft_lengths):
            problems.append(f"expected even fft_lengths, received {self.fft_lengths}")
        elif not 1 <= self.hop_samples <= min(self.fft_lengths):
            problems.append(
                f"expected hop_samples from 1 to the shortest window ({min(self.fft_lengths)} samples), "
                f"received {self.hop_samples}"
            )
        if not 0 <= self.min_hz < self.highest_hz <= self.sample_rate_hz / 2:
            problems.append(
                "expected 0 <= min_hz < max_hz <= half the sample rate "
                f"({self.sample_rate_hz / 2:g} Hz), received {self.min_hz:g} and {self.highest_hz:g}"
            )
        if self.mel_scale not in get_args(MelScale):
            problems.append(f"expected mel_scale 'slaney' or 'htk', received {self.mel_scale!r}")
        return problems
