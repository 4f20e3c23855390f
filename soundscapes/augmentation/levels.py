"""Levels: a recording nearer or farther, its background louder or fainter, in rows of decibels."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from soundscapes.augmentation.draws import Batch, Seed, check_range, each, is_row, uniform
from soundscapes.mel_settings import SILENCE_DB


@dataclass(frozen=True, kw_only=True)
class LevelChange:
    """Makes each clip louder or fainter, by decibels drawn evenly.

    `ClipScale` takes a clip's level out again: before it this matters only where silence comes into
    reach. `Pcen`, whose running mean begins at a fixed level, hears it in the first half second.

    Args:
        most_db: float >= 0.

    Raises:
        ValueError: `most_db` is out of range.
    """

    most_db: float = 6.0

    def __post_init__(self) -> None:
        check_range("most_db", self.most_db, 0, 100)

    def __call__(self, frames: tf.Tensor, labels: tf.Tensor, seed: Seed) -> Batch:
        """Rows in decibels, float32 [batch, num_rows, size], and labels, varied."""
        change = each(uniform(seed, 0, frames, -self.most_db, self.most_db), frames)
        changed = tf.maximum(frames + change, SILENCE_DB)
        return tf.where(is_row(frames), changed, 0.0), labels


@dataclass(frozen=True, kw_only=True)
class FloorChange:
    """Changes how far below its loudest moment a clip is heard: the decibel threshold, drawn for each.

    Distances from the loudest number of a clip are stretched by `top_db / drawn`: then `ClipScale(top_db)`
    gives what `ClipScale(drawn)` gives of the clip as it was. One of the four settings that the published
    system tunes.

    Args:
        least_db: float > 0, the smallest threshold drawn: the background vanishes.
        most_db: float >= least_db, the largest: it comes forward.
        top_db: float > 0, of the `ClipScale` that follows.

    Raises:
        ValueError: a number is out of range.
    """

    least_db: float = 60.0
    most_db: float = 100.0
    top_db: float = 80.0

    def __post_init__(self) -> None:
        check_range("top_db", self.top_db, 1, 1000)
        check_range("most_db", self.most_db, 1, 1000)
        check_range("least_db", self.least_db, 1, self.most_db)

    def __call__(self, frames: tf.Tensor, labels: tf.Tensor, seed: Seed) -> Batch:
        """Rows in decibels, float32 [batch, num_rows, size], and labels, varied."""
        drawn = each(uniform(seed, 0, frames, self.least_db, self.most_db), frames)
        is_sound = is_row(frames)
        heard = tf.where(is_sound, frames, SILENCE_DB)
        loudest = tf.reduce_max(heard, axis=[1, 2], keepdims=True)
        stretched = loudest - (loudest - heard) * self.top_db / drawn
        return tf.where(is_sound, stretched, 0.0), labels
