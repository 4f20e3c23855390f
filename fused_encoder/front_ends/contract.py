"""What an audio front end is: a pretrained network that turns sound into an audio_sequence.

Callers ask the front end that they were given for its numbers:

    front_end = as_front_end(load_yamnet())
    front_end.frames_in(5.0)                          # 10
    front_end(waveform).shape                         # (10, 1024)
    front_end.embed_sounds([front_end.sound_in(waveform), ...])
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
import numpy.typing as npt

_MAX_AMPLITUDE = 64.0  # 36 dB above full scale; only unscaled integers are that loud


class SilentRecordingError(ValueError):
    """A waveform holds no sound: all of its samples are equal."""


class TooShortRecordingError(ValueError):
    """A waveform holds less sound than the front end takes."""


@dataclass(frozen=True, kw_only=True)
class FrontEndSpec:
    """How a front end cuts sound, and what it gives. Needs no TensorFlow; travels with an export.

    Args:
        name: such as "yamnet".
        sample_rate_hz: int, of the waveforms it takes.
        window_seconds: float, how much sound one frame is made from.
        hop_seconds: float, from the start of one frame to that of the next.
        embedding_size: int, numbers in a frame.
        fingerprint: str, names this very model; the same in every process.
        min_seconds: float, the shortest sound that it takes. Shorter than 0.1 s is hardly any call.
        windows_per_batch: int, how many windows its network best takes at once: more are no faster on a
            processor's cores, and need more memory.
        storage_dtype: "float32", or "float16" where its frames lose nothing that matters by it: how stored
            features are kept.
    """

    name: str
    sample_rate_hz: int
    window_seconds: float
    hop_seconds: float
    embedding_size: int
    fingerprint: str = ""
    min_seconds: float = 0.1
    windows_per_batch: int = 64
    storage_dtype: Literal["float32", "float16"] = "float32"

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
        """How many frames a sound of this length gives.

        The last frame is padded, so that no sound is lost.

        Args:
            seconds: float >= 0, without trailing digital silence.

        Returns:
            int; 0 for no sound at all, else at least 1.

        Raises:
            ValueError: seconds is negative or not finite.
        """
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError(f"Expected seconds to be finite and at least 0, received {seconds}.")
        return self.frames_in_samples(round(seconds * self.sample_rate_hz))

    def frames_in_samples(self, num_samples: int) -> int:
        """`frames_in` for a length in samples."""
        if num_samples == 0:
            return 0
        return 1 + math.ceil(max(num_samples - self.window_samples, 0) / self.hop_samples)

    def sound_in(self, waveform: np.ndarray) -> np.ndarray:
        """The sound in a waveform: all of it but trailing samples of exactly 0, which are padding.

        Args:
            waveform: float [num_samples], mono, at `sample_rate_hz`, amplitude in [-1, 1].

        Returns:
            float32 [num_samples], at least `min_seconds`.

        Raises:
            SilentRecordingError: all samples are equal (digital silence).
            TooShortRecordingError: less than `min_seconds` of sound.
            TypeError: the waveform is not of a floating type.
            ValueError: it is not one-dimensional, not finite, or far beyond [-1, 1].
        """
        waveform = _checked(waveform, self.sample_rate_hz)
        sound = waveform[: int(waveform.nonzero()[0].max(initial=-1)) + 1]
        if waveform.size and not sound.size:
            raise self._silent(waveform)
        if sound.size < self.min_samples:
            raise TooShortRecordingError(
                f"Expected at least {self.min_seconds:g} s of sound, received "
                f"{sound.size / self.sample_rate_hz:.4f} s (trailing zeros are not counted). "
                "Use a longer recording, or cut a longer clip."
            )
        if np.ptp(sound) == 0:
            raise self._silent(sound)
        return sound

    def _silent(self, waveform: np.ndarray) -> SilentRecordingError:
        return SilentRecordingError(
            f"Expected sound, received {waveform.size / self.sample_rate_hz:.2f} s of digital silence: "
            f"every sample is {waveform[0]:g}. Leave this recording out."
        )


@dataclass(frozen=True, kw_only=True)
class AudioFrontEnd(FrontEndSpec):
    """A front end at work: `front_end(waveform)` is the audio_sequence of one recording.

    A network that takes windows in batches also gives `windows` and `embed_windows`; then the windows
    of several recordings share a batch, and `embed_sound(sound)` is `embed_windows(windows(sound))`.

    Args:
        embed_sound: sound float32 [num_samples] -> float32 [num_frames, embedding_size].
        windows: sound float32 [num_samples] -> what the network takes, float32 [num_frames, ...].
        embed_windows: float32 [num_windows, ...] of any recordings -> float32
            [num_windows, embedding_size].
        module: the TensorFlow object with the weights, where the functions are made of TensorFlow
            operations; None where they cannot be part of a graph (and so of an exported encoder).
    """

    embed_sound: Callable[[np.ndarray], npt.ArrayLike]
    windows: Callable[[np.ndarray], npt.ArrayLike] | None = None
    embed_windows: Callable[[np.ndarray], npt.ArrayLike] | None = None
    module: object | None = None

    @property
    def spec(self) -> FrontEndSpec:
        """The plain numbers."""
        return FrontEndSpec(**{f.name: getattr(self, f.name) for f in fields(FrontEndSpec)})

    @property
    def windows_per_call(self) -> int:
        """How many windows are best gathered for a call of `embed_sounds`."""
        return 1 if self.windows is None else self.windows_per_batch

    def __call__(self, waveform: np.ndarray) -> np.ndarray:
        """The audio_sequence of a waveform, float32 [num_frames, embedding_size].

        Args and Raises are those of `sound_in`. A waveform padded with zeros gives the sequence that
        it gives alone.
        """
        return self.embed_sounds([self.sound_in(waveform)])[0]

    def embed_sounds(self, sounds: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The audio_sequences of several sounds, their windows run in batches.

        Args:
            sounds: float32 [num_samples] each, from `sound_in`.

        Returns:
            float32 [num_frames, embedding_size] each, in the same order.

        Raises:
            ValueError: the network gives frames of another size than `embedding_size`.
        """
        if not sounds:
            return []
        if self.windows is None or self.embed_windows is None:
            return [self._checked_frames(self.embed_sound(sound)) for sound in sounds]
        windows = (self.windows(piece) for sound in sounds for piece in self._cut(sound))
        batches = _in_batches(windows, self.windows_per_batch)
        frames = [self._checked_frames(self.embed_windows(batch), len(batch)) for batch in batches]
        ends = np.cumsum([self.frames_in_samples(len(sound)) for sound in sounds])
        return np.split(np.concatenate(frames), ends[:-1])

    def _cut(self, sound: np.ndarray) -> Iterator[np.ndarray]:
        """Pieces of a batch of windows at most, so that a long sound takes no more memory."""
        num_frames = self.frames_in_samples(len(sound))
        for first in range(0, num_frames, self.windows_per_batch):
            last = min(first + self.windows_per_batch, num_frames) - 1
            yield sound[first * self.hop_samples : last * self.hop_samples + self.window_samples]

    def _checked_frames(self, frames: npt.ArrayLike, expected: int | None = None) -> np.ndarray:
        checked = np.asarray(frames, np.float32)
        is_length = expected is None or len(checked) == expected
        if checked.ndim != 2 or checked.shape[1] != self.embedding_size or not is_length:
            raise ValueError(
                f"Expected the front end '{self.name}' to give [{expected or 'num_frames'}, "
                f"{self.embedding_size}], received {list(checked.shape)}."
            )
        return checked


def model_fingerprint(
    embed_sound: Callable[[np.ndarray], npt.ArrayLike],
    sample_rate_hz: int,
    weights: Iterable[npt.ArrayLike] = (),
) -> str:
    """A short name of a front end's model, the same in every process: part of the key of stored features.

    Made from its frames of a fixed waveform, rounded to about 3 digits so that the float noise of
    another processor seldom matters; and from its exact weights, where they are known, so that a
    fine-tuned model never passes for the original.

    Args:
        embed_sound: as in `AudioFrontEnd`.
        sample_rate_hz: int.
        weights: arrays of any shape.

    Returns:
        16 hexadecimal characters.
    """
    frames = np.asarray(embed_sound(probe_waveform(sample_rate_hz)), np.float64)
    norm = float(np.linalg.norm(frames))
    # Eight weighted sums; the angles are irrational, so that no two weightings agree.
    roots = np.sqrt([2, 3, 5, 7, 11, 13, 17, 19])
    weightings = np.cos(np.outer(roots, np.arange(frames.size)))
    sums = np.round(weightings @ frames.ravel() / (norm or 1.0), 3) + 0.0  # no -0.0
    digest = hashlib.sha256(f"{frames.shape} {norm:.3e} {sums.tolist()}".encode())
    for values in weights:
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()[:16]


def probe_waveform(sample_rate_hz: int) -> np.ndarray:
    """float32 [2 * rate]: a second of rising sweep with faint hiss, a second of fading hiss."""
    time_seconds = np.arange(sample_rate_hz) / sample_rate_hz
    sweep = 0.3 * np.sin(2 * np.pi * (100 + 3400 * time_seconds) * time_seconds)
    hiss = 0.1 * np.sin(0.7 * np.arange(2 * sample_rate_hz, dtype=np.float64) ** 2)
    faint, loud = np.split(hiss, 2)
    return np.concatenate([sweep + 0.1 * faint, loud * (1 - time_seconds)]).astype(np.float32)


def _checked(waveform: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """float32 [num_samples]."""
    waveform = np.asarray(waveform)
    if not np.issubdtype(waveform.dtype, np.floating):
        raise TypeError(
            "Expected a waveform of floats in [-1, 1], received "
            f"{waveform.dtype}. Divide 16-bit samples by 32768."
        )
    if waveform.ndim != 1:
        raise ValueError(
            "Expected one mono waveform [num_samples], received shape "
            f"{waveform.shape}. Mix the channels down first."
        )
    with np.errstate(over="ignore"):
        waveform = waveform.astype(np.float32)
    is_finite = np.isfinite(waveform)
    if not is_finite.all():
        raise ValueError(
            f"Expected finite samples, received {(~is_finite).sum()} NaN or infinite ones of "
            f"{waveform.size}, the first at {is_finite.argmin() / sample_rate_hz:.4f} s."
        )
    peak = float(np.abs(waveform).max(initial=0.0))
    if peak > _MAX_AMPLITUDE:
        raise ValueError(
            f"Expected an amplitude in [-1, 1], received a peak of {peak:g}. "
            "These look like integer samples: divide 16-bit ones by 32768."
        )
    return waveform


def _in_batches(parts: Iterable[npt.ArrayLike], most: int) -> Iterator[np.ndarray]:
    """The windows of all parts in their order, at most so many at once, a part never torn apart."""
    batch: list[np.ndarray] = []
    num_windows = 0
    for part in map(np.asarray, parts):
        if batch and num_windows + len(part) > most:
            yield np.concatenate(batch)
            batch, num_windows = [], 0
        batch.append(part)
        num_windows += len(part)
    if batch:
        yield np.concatenate(batch)
