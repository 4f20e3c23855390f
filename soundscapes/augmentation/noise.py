"""Noise and gain: what stands between a bird and a microphone."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from soundscapes.augmentation.draws import (
    Batch,
    Seed,
    check_probability,
    check_range,
    is_drawn,
    seed_of,
    uniform,
)
from soundscapes.augmentation.waveforms import is_sound, later


@dataclass(frozen=True, kw_only=True)
class Gain:
    """Makes each waveform louder or fainter, by decibels drawn evenly.

    Args:
        most_db: float >= 0.

    Raises:
        ValueError: `most_db` is out of range.
    """

    most_db: float = 6.0

    def __post_init__(self) -> None:
        check_range("most_db", self.most_db, 0, 100)

    def __call__(self, waveforms: tf.Tensor, labels: tf.Tensor, seed: Seed) -> Batch:
        """Waveforms float32 [batch, num_samples] and labels, varied."""
        decibels = uniform(seed, 0, waveforms, -self.most_db, self.most_db)
        return tf.pow(10.0, decibels / 20)[:, None] * waveforms, labels


@dataclass(frozen=True, kw_only=True)
class BackgroundNoise:
    """Adds noise at a signal-to-noise ratio that is drawn evenly in decibels.

    The ratio is that of the mean powers over the sound of a clip, padding left out; it is met exactly. The
    noise is pink (as much power in each octave, as of wind and far traffic), or from recordings of
    yours in which no animal calls.

    Args:
        least_db: float, the noisiest; 0 is as much noise as signal.
        most_db: float >= least_db, the cleanest.
        probability: float in [0, 1], with which a clip is changed.

    Raises:
        ValueError: a number is out of range.
    """

    least_db: float = 3.0
    most_db: float = 30.0
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_range("most_db", self.most_db, -100, 200)
        check_range("least_db", self.least_db, -100, self.most_db)
        check_probability(self.probability)

    def __call__(
        self,
        waveforms: tf.Tensor,
        labels: tf.Tensor,
        seed: Seed,
        noises: tf.Tensor | None = None,
    ) -> Batch:
        """Waveforms float32 [batch, num_samples] and labels, varied.

        Args:
            waveforms: float32 [batch, num_samples].
            labels: float32 [batch, num_classes].
            seed: two integers.
            noises: float32 [num_noises, any], at the same sample rate, without padding; each clip gets one
                from anywhere in it, repeated as often as needed. None: pink noise.
        """
        noise = _pink(waveforms, seed) if noises is None else _cut(noises, waveforms, seed)
        noise = tf.where(is_sound(waveforms), noise, 0.0)
        ratio_db = uniform(seed, 0, waveforms, self.least_db, self.most_db)
        signal = tf.reduce_sum(tf.square(waveforms), axis=1)
        wanted = signal * tf.pow(10.0, -ratio_db / 10)
        level = tf.sqrt(tf.math.divide_no_nan(wanted, tf.reduce_sum(tf.square(noise), axis=1)))
        level = tf.where(is_drawn(seed, 1, waveforms, self.probability), level, 0.0)
        return waveforms + level[:, None] * noise, labels


def _pink(waveforms: tf.Tensor, seed: Seed) -> tf.Tensor:
    num_samples = tf.shape(waveforms)[1]
    white = tf.random.stateless_normal(tf.shape(waveforms), seed_of(seed, 2))
    spectrum = tf.signal.rfft(white)
    places = tf.range(tf.cast(num_samples // 2 + 1, tf.float32))
    slope = tf.math.rsqrt(tf.maximum(places, 1.0))
    return tf.signal.irfft(spectrum * tf.cast(slope, tf.complex64), num_samples[None])


def _cut(noises: tf.Tensor, waveforms: tf.Tensor, seed: Seed) -> tf.Tensor:
    num_noises, long = tf.shape(noises)[0], tf.shape(noises)[1]
    num_samples = tf.shape(waveforms)[1]
    which = uniform(seed, 2, waveforms) * tf.cast(num_noises, tf.float32)
    starts = uniform(seed, 3, waveforms) * tf.cast(long, tf.float32)
    chosen = tf.gather(noises, tf.cast(which, tf.int32))
    times = -(-num_samples // long) + 1
    return later(tf.tile(chosen, [1, times]), tf.cast(starts, tf.int32), num_samples)
