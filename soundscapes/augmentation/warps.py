"""Warps: a song faster or slower, higher or lower, in the rows of a spectrogram."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from soundscapes.augmentation.draws import (
    Batch,
    Seed,
    check_probability,
    check_range,
    is_drawn,
    uniform,
)


@dataclass(frozen=True, kw_only=True)
class TimeStretch:
    """Plays each clip's frames faster or slower, without a change of pitch.

    What is done: a row is the nearest one at the new speed, so that rows are left out or repeated. Within a
    row nothing changes. A clip that gets shorter is padded with zeros at its end, one that gets longer is
    cut there. For the frames of any front end.

    Args:
        most: float in [0, 0.9], the greatest change of speed; 0.1 is from 0.9 to 1.1 times as fast.
        probability: float in [0, 1], with which a clip is changed.

    Raises:
        ValueError: a number is out of range.
    """

    most: float = 0.1
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_range("most", self.most, 0, 0.9)
        check_probability(self.probability)

    def __call__(self, frames: tf.Tensor, labels: tf.Tensor, seed: Seed) -> Batch:
        """Frames float32 [batch, num_frames, size] and labels, varied."""
        speed = uniform(seed, 0, frames, 1 - self.most, 1 + self.most)
        speed = tf.where(is_drawn(seed, 1, frames, self.probability), speed, 1.0)
        num_frames = tf.shape(frames)[1]
        places = tf.range(tf.cast(num_frames, tf.float32)) * speed[:, None]
        places = tf.cast(tf.round(places), tf.int32)
        played = tf.gather(frames, tf.minimum(places, num_frames - 1), axis=1, batch_dims=1)
        return tf.where((places < num_frames)[..., None], played, 0.0), labels


@dataclass(frozen=True, kw_only=True)
class PitchShift:
    """Moves each clip up or down by some bands.

    What is done: the bands are shifted, and the outermost is repeated where nothing comes in. On the mel
    scale a shift by a band is the same ratio of pitch only above 1 kHz (there a band of the published ones
    is 3 %, half a semitone); below it changes the intervals between harmonics.

    Args:
        most_bands: int >= 0, the greatest shift; drawn evenly.
        probability: float in [0, 1], with which a clip is changed.
        num_bands: int, of a window length, where a row holds several: all are shifted alike. None: a row
            has one.

    Raises:
        ValueError: a number is out of range.
    """

    most_bands: int = 4
    probability: float = 0.5
    num_bands: int | None = None

    def __post_init__(self) -> None:
        check_range("most_bands", self.most_bands, 0, 1000)
        check_probability(self.probability)

    def __call__(self, frames: tf.Tensor, labels: tf.Tensor, seed: Seed) -> Batch:
        """Rows float32 [batch, num_rows, size] and labels, varied."""
        drawn = uniform(seed, 0, frames, -self.most_bands, self.most_bands + 1)
        shift = tf.cast(tf.floor(drawn), tf.int32)
        shift = tf.where(is_drawn(seed, 1, frames, self.probability), shift, 0)
        shape, size = tf.shape(frames), frames.shape[-1]
        num_bands = self.num_bands or size
        by_scale = tf.reshape(frames, [shape[0], shape[1], size // num_bands, num_bands])
        bands = tf.clip_by_value(tf.range(num_bands) - shift[:, None], 0, num_bands - 1)
        shifted = tf.gather(tf.transpose(by_scale, [0, 3, 1, 2]), bands, axis=1, batch_dims=1)
        return tf.reshape(tf.transpose(shifted, [0, 2, 3, 1]), shape), labels
