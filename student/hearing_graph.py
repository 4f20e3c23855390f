"""`StudentHearing` as TensorFlow operations, so that one file takes the waveform."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from student.features import MFCC_TOP_DB, NUM_MFCC, ROLLOFF_SHARE
from student.hearing import StudentHearing

SCOPE = "hearing"
"""In the names of all operations here."""
LOUDER = 2.0**15
"""What sound is multiplied with, so that no power of interest is too small for 16 bits."""
_LEAST_POWER = 1e-10 * LOUDER**2
_DB_PER_NEPER = float(10 / np.log(10))


def inputs_in_graph(clips: tf.Tensor, hearing: StudentHearing) -> tuple[tf.Tensor, tf.Tensor]:
    """What `hearing.clip_inputs` gives, in operations that LiteRT has.

    Args:
        clips: float32 [batch, clip_samples], at the hearing's rate.
        hearing: of a student.

    Returns:
        mel float32 [batch, num_rows, num_bands], decibels, and features float32 [batch, 18].
    """
    with tf.name_scope(SCOPE):
        clips = clips * LOUDER
        frames = _frames(clips, hearing)
        window = tf.signal.hann_window(hearing.fft_length)
        spectrum = tf.signal.rfft(frames * window)
        power = tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))
        mel = _decibels(power, hearing)
        single = [
            *_centroid_and_rolloff(tf.sqrt(power), hearing),
            tf.sqrt(tf.reduce_mean(tf.square(frames), axis=-1)) / LOUDER,
            _crossings(clips, hearing),
        ]
        centroid, rolloff, rms, crossings = (tf.reduce_mean(each, axis=1) for each in single)
        columns = [centroid, rms, crossings, rolloff, _band_share(power, hearing)]
        features = tf.concat([tf.stack(columns, axis=1), _mfcc(mel, hearing)], axis=1)
    return mel, features


def _frames(values: tf.Tensor, hearing: StudentHearing) -> tf.Tensor:
    """[batch, num_samples] -> [batch, num_rows, fft_length], zeros beyond the ends."""
    half = hearing.fft_length // 2
    padded = tf.pad(values, [[0, 0], [half, half]])
    return tf.signal.frame(padded, hearing.fft_length, hearing.hop_samples)


def _decibels(power: tf.Tensor, hearing: StudentHearing) -> tf.Tensor:
    bands = tf.matmul(power, _mel_weights(0.0 * power[:, :1, :1], hearing))
    loud = _DB_PER_NEPER * tf.math.log(tf.maximum(bands, _LEAST_POWER))
    return loud - float(20 * np.log10(LOUDER))


def _mel_weights(zero: tf.Tensor, hearing: StudentHearing) -> tf.Tensor:
    """Triangles between neighbouring bands, [batch, num_bins, num_bands], as `hearing.mel_weights`.

    They are made as sound comes: the zero, which is made of sound, hides from a converter that they never
    change. Stored, they would be larger than all the network; in 8 bits faint sound would be lost in them.
    """
    from librosa import mel_frequencies

    bin_hz = hearing.sample_rate_hz / hearing.fft_length
    hz = mel_frequencies(hearing.num_bands + 2, fmin=hearing.min_hz, fmax=hearing.highest_hz)
    edges = (hz / bin_hz).astype(np.float32)
    whole = np.floor(edges)  # 16 bits hold whole numbers and what is below 1
    points = whole + zero + (edges - whole)
    low, middle, high = points[..., :-2], points[..., 1:-1], points[..., 2:]
    places = np.arange(hearing.fft_length // 2 + 1, dtype=np.float32)[:, None]
    rising, falling = (places - low) / (middle - low), (high - places) / (high - middle)
    height = (2 / bin_hz) / (high - low)
    return tf.maximum(0.0, tf.minimum(rising, falling)) * height


def _centroid_and_rolloff(
    magnitude: tf.Tensor, hearing: StudentHearing
) -> tuple[tf.Tensor, tf.Tensor]:
    """Counted in frequencies of the transform, which 16 bits hold, and then made hertz."""
    hz = hearing.sample_rate_hz / hearing.fft_length
    places = np.arange(hearing.fft_length // 2 + 1, dtype=np.float32)
    below = tf.cumsum(magnitude, axis=-1)
    total = below[..., -1]
    centroid = tf.reduce_sum(magnitude * places, axis=-1) / _above_0(total)
    is_below = tf.cast(below < ROLLOFF_SHARE * total[..., None], tf.float32)
    return hz * centroid, hz * tf.reduce_sum(is_below, axis=-1)


def _crossings(clips: tf.Tensor, hearing: StudentHearing) -> tf.Tensor:
    """A change of sign belongs to the later sample, and to a window unless that is its first."""
    is_negative = tf.cast(clips < -1e-10 * LOUDER, tf.float32)
    changed = tf.abs(is_negative[:, 1:] - is_negative[:, :-1])
    frames = _frames(tf.pad(changed, [[0, 0], [1, 0]]), hearing)
    return tf.reduce_sum(frames[..., 1:], axis=-1) / hearing.fft_length


def _band_share(power: tf.Tensor, hearing: StudentHearing) -> tf.Tensor:
    hz = np.fft.rfftfreq(hearing.fft_length, 1 / hearing.sample_rate_hz)
    inside = ((hz >= hearing.min_hz) & (hz <= hearing.highest_hz)).astype(np.float32)
    spectrum = tf.reduce_sum(power, axis=1)
    total = tf.reduce_sum(spectrum, axis=-1)
    return tf.reduce_sum(spectrum * inside, axis=-1) / _above_0(total)


def _above_0(total: tf.Tensor) -> tf.Tensor:
    """Silence divided by 1 is 0."""
    return tf.where(total > 0, total, tf.ones_like(total))


def _mfcc(decibels: tf.Tensor, hearing: StudentHearing) -> tf.Tensor:
    from scipy.fft import dct

    transform = dct(np.eye(hearing.num_bands), type=2, norm="ortho", axis=-1)[:, :NUM_MFCC]
    floor = tf.reduce_max(decibels, axis=[1, 2], keepdims=True) - MFCC_TOP_DB
    mean = tf.reduce_mean(tf.maximum(decibels, floor), axis=1)
    return tf.reduce_sum(mean[..., None] * transform.astype(np.float32), axis=1)
