"""What a student hears: clips of one length, at one rate, in one band, in training and in use alike."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from media import load_waveform
from soundscapes.mel_settings import SILENCE_DB, MelSettings
from student.features import sound_features
from student.spectrum import power_spectrum

logger = logging.getLogger(__name__)

HEARING_VERSION = 1  # raised when the same settings give other inputs than before
_CLIPS_AT_ONCE = 32
_LEAST_POWER = 10 ** (SILENCE_DB / 10)


@dataclass(frozen=True, kw_only=True)
class StudentHearing:
    """From sound to the two inputs of a student. Needs no TensorFlow.

    Every sound is resampled to one rate first, whatever its own. The default rate carries all of the
    default band, from large whales to small dolphins' whistles.

    Args:
        sample_rate_hz: int > 0.
        clip_seconds: float > 0, of sound that the student takes at once.
        min_hz: float >= 0, where the lowest mel band begins.
        max_hz: float, where the highest ends. None (default): half the sample rate.
        num_bands: int >= 8, mel bands.
        fft_length: int, even, samples of a window.
        hop_samples: int >= 1, from row to row.
        fill: how a shorter sound is made as long as a clip: "repeat" (default) plays it again and again, as
            a stream is heard, where no clip has an end and the length of a file tells nothing; "zeros".
        beyond_nyquist: what happens where `max_hz` is above half the sample rate, so that the band promises
            what the sound cannot hold: "refuse", or "clamp" it to half the rate with a warning in the log.

    Raises:
        ValueError: numbers do not go together.
    Example:
        >>> hearing = StudentHearing()
        >>> mel, features = hearing.inputs(hearing.load("whale.flac"))
        >>> mel.shape, features.shape  # 12 s are three clips
        ((3, 157, 64), (3, 18))
    """

    sample_rate_hz: int = 48_000
    clip_seconds: float = 5.0
    min_hz: float = 20.0
    max_hz: float | None = None
    num_bands: int = 64
    fft_length: int = 2048
    hop_samples: int = 1536
    fill: Literal["repeat", "zeros"] = "repeat"
    beyond_nyquist: Literal["refuse", "clamp"] = "refuse"

    def __post_init__(self) -> None:
        nyquist = self.sample_rate_hz / 2
        if self.max_hz is not None and self.max_hz > nyquist and nyquist > self.min_hz:
            said = (
                f"a band of {self.min_hz:g} to {self.max_hz:g} Hz at {self.sample_rate_hz} samples per "
                f"second, which hold nothing above {nyquist:g} Hz"
            )
            if self.beyond_nyquist == "refuse":
                raise ValueError(
                    f"Received {said}. Raise sample_rate_hz to {math.ceil(2 * self.max_hz)} at least, or "
                    f"lower max_hz to {nyquist:g}."
                )
            logger.warning("Received %s: the band ends there.", said)
            object.__setattr__(self, "max_hz", nyquist)
        if not self.clip_seconds > 0 or self.num_bands < 8 or self.fill not in ("repeat", "zeros"):
            raise ValueError(
                "Expected clip_seconds above 0, num_bands of at least 8 and fill 'repeat' or 'zeros', "
                f"received {self.clip_seconds}, {self.num_bands} and {self.fill!r}."
            )
        _ = self.mel_weights  # refuses what no mel spectrogram can be made of

    @property
    def highest_hz(self) -> float:
        """Where the highest band ends."""
        return self.sample_rate_hz / 2 if self.max_hz is None else self.max_hz

    @property
    def clip_samples(self) -> int:
        """Samples of a clip."""
        return round(self.clip_seconds * self.sample_rate_hz)

    @property
    def num_rows(self) -> int:
        """Rows of a clip's mel spectrogram."""
        return 1 + self.clip_samples // self.hop_samples

    @property
    def mel_settings(self) -> MelSettings:
        """The same numbers for `soundscapes.MelSpectrogram(padding="same")`, which makes the same rows."""
        return MelSettings(
            sample_rate_hz=self.sample_rate_hz,
            num_bands=self.num_bands,
            fft_lengths=(self.fft_length,),
            hop_samples=self.hop_samples,
            min_hz=self.min_hz,
            max_hz=self.highest_hz,
        )

    @property
    def fingerprint(self) -> str:
        """Names these numbers, 16 hexadecimal characters."""
        told = json.dumps([HEARING_VERSION, {**asdict(self), "max_hz": self.highest_hz}])
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def load(self, path: str | Path, *, max_seconds: float | None = None) -> np.ndarray:
        """A recording at this rate, float32 [num_samples]; raises as `media.load_waveform`."""
        return load_waveform(path, sample_rate_hz=self.sample_rate_hz, max_seconds=max_seconds)

    def clips(self, waveform: np.ndarray) -> np.ndarray:
        """A sound of any length as clips one after another, the last one ending with it.

        Args:
            waveform: float [num_samples], mono, at this rate, amplitude in [-1, 1].

        Returns:
            float32 [num_clips, clip_samples]. A sound shorter than a clip is filled up, see `fill`.

        Raises:
            ValueError: it is not one-dimensional, holds nothing, or holds NaN or infinite samples.
        """
        waveform, length = np.asarray(waveform, np.float32), self.clip_samples
        if waveform.ndim != 1 or not waveform.size or not np.isfinite(waveform).all():
            raise ValueError(
                "Expected a mono waveform [num_samples] of finite samples, received shape "
                f"{waveform.shape} with {int((~np.isfinite(waveform)).sum())} that are not."
            )
        if waveform.size < length:
            if self.fill == "repeat":
                return np.resize(waveform, (1, length))
            return np.pad(waveform, (0, length - waveform.size))[None]
        last = waveform.size - length
        starts = np.minimum(np.arange(math.ceil(waveform.size / length)) * length, last)
        return np.stack([waveform[start : start + length] for start in starts])

    def inputs(self, waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`clip_inputs` of the clips of a sound of any length."""
        return self.clip_inputs(self.clips(waveform))

    def clip_inputs(self, clips: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What a student takes.

        Args:
            clips: float32 [num_clips, clip_samples].

        Returns:
            mel float32 [num_clips, num_rows, num_bands], decibels, neither floored nor scaled; and
            features float32 [num_clips, 18], see `sound_features`.
        """
        parts = [
            self._inputs(clips[start : start + _CLIPS_AT_ONCE])
            for start in range(0, len(clips), _CLIPS_AT_ONCE)
        ]
        mel, features = zip(*parts, strict=True)
        return np.concatenate(mel), np.concatenate(features)

    @cached_property
    def mel_weights(self) -> np.ndarray:
        """How much each frequency counts in each band, float32 [fft_length / 2 + 1, num_bands]."""
        return self.mel_settings.band_weights(self.fft_length)

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it; `StudentHearing(**record)` is the same again."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> StudentHearing:
        """The settings that `to_dict` gave."""
        return cls(**record)

    def _inputs(self, clips: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        power = power_spectrum(clips, self.fft_length, self.hop_samples)
        mel = 10 * np.log10(np.maximum(power @ self.mel_weights, _LEAST_POWER))
        return mel.astype(np.float32), sound_features(clips, self, power)
