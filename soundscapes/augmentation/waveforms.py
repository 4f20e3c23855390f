"""Waveforms of a batch: padded with zeros at their ends, which count for nothing."""

from __future__ import annotations

import tensorflow as tf


def is_sound(waveforms: tf.Tensor) -> tf.Tensor:
    """All up to the last sample that is not 0: bool [batch, num_samples]."""
    return tf.sequence_mask(num_samples_of(waveforms), tf.shape(waveforms)[1])


def num_samples_of(waveforms: tf.Tensor) -> tf.Tensor:
    """int32 [batch]: samples up to the last that is not 0."""
    places = tf.range(1, tf.shape(waveforms)[1] + 1)
    last = tf.reduce_max(tf.where(waveforms != 0, places, 0), axis=1)
    return tf.maximum(last, 0)  # the maximum over no samples is the smallest integer


def mean_power(waveforms: tf.Tensor) -> tf.Tensor:
    """float32 [batch], over the samples that are sound; 0 of silence."""
    num_samples = tf.cast(num_samples_of(waveforms), tf.float32)
    return tf.math.divide_no_nan(tf.reduce_sum(tf.square(waveforms), axis=1), num_samples)


def later(waveforms: tf.Tensor, starts: tf.Tensor, num_samples: int | tf.Tensor) -> tf.Tensor:
    """Waveforms from a sample of their own on, float32 [batch, num_samples], padded with zeros."""
    places = starts[:, None] + tf.range(num_samples)
    length = tf.shape(waveforms)[1]
    cut = tf.gather(waveforms, tf.clip_by_value(places, 0, length - 1), axis=1, batch_dims=1)
    return tf.where(places < length, cut, 0.0)
