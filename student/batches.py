"""Batches of training clips: drawn by species, changed as they are drawn, with what the teacher said."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import numpy as np

from soundscapes.clips import drawing_chances
from soundscapes.mel_settings import SILENCE_DB
from student.clips import StudentClips
from student.options import StudentTraining

_MASKED_ROWS, _MASKED_BANDS = 0.15, 0.15  # at most
_NOISE_BELOW_DB = (15.0, 60.0)  # the loudest moment
_FEATURE_JITTER = 0.1  # standard deviations


class StudentBatches(keras.utils.PyDataset):
    """An epoch of batches as `fit` takes them; another one after each epoch.

    Args:
        clips: of training recordings.
        options: batch size, sampling, augmentation, seed.
        stored: further inputs of each clip, [num_clips, ...] each, such as the teacher's logits.
        num_outputs: int >= 1, of the learner; each is given the species.
    """

    def __init__(
        self,
        clips: StudentClips,
        options: StudentTraining,
        stored: Sequence[np.ndarray] = (),
        num_outputs: int = 1,
    ) -> None:
        super().__init__()
        self._clips, self._options, self._stored = clips, options, tuple(stored)
        self._num_outputs = num_outputs
        self._chances = drawing_chances(clips.primary, options.sampling)
        self._jitter = _FEATURE_JITTER * clips.features.std(axis=0)
        self._drawn = np.zeros(0, np.int64)
        self._epoch = -1
        self.on_epoch_end()

    def __len__(self) -> int:
        return math.ceil(len(self._clips) / self._options.batch_size)

    def __getitem__(
        self, number: int
    ) -> tuple[tuple[np.ndarray, ...], np.ndarray | tuple[np.ndarray, ...]]:
        size = self._options.batch_size
        drawn = self._drawn[number * size : (number + 1) * size]
        mel, features, *extra = (each[drawn] for each in self._clips.inputs)
        if self._options.augment:
            rng = np.random.default_rng((self._options.seed, self._epoch, number))
            mel = augmented_mel(mel, rng)
            features = features + rng.normal(size=features.shape) * self._jitter
        inputs = (mel, features.astype(np.float32), *extra, *(each[drawn] for each in self._stored))
        species = self._clips.primary[drawn]
        return inputs, species if self._num_outputs == 1 else (species,) * self._num_outputs

    def on_epoch_end(self) -> None:
        """Draws the clips of the next epoch."""
        self._epoch += 1
        rng = np.random.default_rng((self._options.seed, self._epoch))
        full = len(self) * self._options.batch_size
        self._drawn = rng.choice(len(self._clips), full, p=self._chances)


def augmented_mel(mel: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same calls, otherwise recorded: begun elsewhere, in noise, with gaps of time and of bands.

    The noise hides what recorders differ in: a classifier that knows species by the noise between their
    calls would be told nothing by it.

    Args:
        mel: float32 [batch, num_rows, num_bands], decibels; left as it is.
        rng: draws all.

    Returns:
        float32, the same shape.
    """
    batch, num_rows, num_bands = mel.shape
    rows = (np.arange(num_rows) + rng.integers(num_rows, size=(batch, 1))) % num_rows
    changed = mel[np.arange(batch)[:, None], rows]
    loudest = changed.max(axis=(1, 2), keepdims=True)
    level = loudest - rng.uniform(*_NOISE_BELOW_DB, (batch, 1, 1))
    noise = level + rng.normal(0, 5, (batch, 1, num_bands)) + rng.normal(0, 3, mel.shape)
    is_noisy = rng.random((batch, 1, 1)) < 0.5
    changed = np.where(is_noisy, 10 * np.log10(10 ** (changed / 10) + 10 ** (noise / 10)), changed)
    hidden = _gaps(batch, num_rows, _MASKED_ROWS, rng)[:, :, None]
    hidden = hidden | _gaps(batch, num_bands, _MASKED_BANDS, rng)[:, None, :]
    return np.where(hidden, SILENCE_DB, changed).astype(np.float32)


def _gaps(batch: int, size: int, most: float, rng: np.random.Generator) -> np.ndarray:
    """Of each clip a stretch: bool [batch, size]."""
    lengths = rng.uniform(0, most * size, (batch, 1))
    starts = rng.uniform(0, 1, (batch, 1)) * (size - lengths)
    places = np.arange(size)
    return (places >= starts) & (places < starts + lengths)
