"""Log mel patches, as YAMNet was trained on them; and a stand-in for YAMNet that is made of nothing else."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

SAMPLE_RATE_HZ = 16_000
NUM_MEL_BANDS = 64
PATCH_ROWS = 96  # spectrogram rows in a patch: 0.96 s
LOG_OFFSET = 0.001  # keeps the logarithm of silence finite

_WINDOW_SAMPLES = 400  # 25 ms
_HOP_SAMPLES = 160  # 10 ms
_FFT_LENGTH = 512
_PATCH_HOP_ROWS = 48  # 0.48 s

PATCH_SAMPLES = (PATCH_ROWS - 1) * _HOP_SAMPLES + _WINDOW_SAMPLES  # 15600: one patch needs these
PATCH_HOP_SAMPLES = _PATCH_HOP_ROWS * _HOP_SAMPLES  # 7680

_STAND_IN_STEPS = 16  # time steps per patch, of 6 spectrogram rows (60 ms) each
_NUM_CLASSES = 521
_LEAST_VARIANCE = 1e-4  # of log mel; steady noise has about 0.1


def log_mel_patches(waveform: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The log mel spectrogram of a waveform, whole and cut into half-overlapping patches.

    25 ms periodic Hann windows every 10 ms, magnitudes, 64 mel bands from 125 to 7,500 Hz,
    log(mel + 0.001); patches of 0.96 s start every 0.48 s. The waveform is first padded with zeros
    to a whole number of patches, at least one, so no sound is lost. Works eagerly and in a graph.

    Args:
        waveform: float32 [num_samples], mono, 16 kHz, amplitude in [-1, 1].

    Returns:
        patches float32 [num_patches, 96, 64] and log mel spectrogram float32 [num_rows, 64],
        natural logarithm; silence is log(0.001).

    Reference:
        `features.py` of YAMNet, https://github.com/tensorflow/models/tree/master/research/audioset/yamnet
        (we count patches in integers: a float32 count is inexact past 17 minutes).
    """
    log_mel = log_mel_rows(_pad_to_whole_patches(waveform))
    patches = tf.signal.frame(log_mel, PATCH_ROWS, _PATCH_HOP_ROWS, axis=0)
    return tf.ensure_shape(patches, [None, PATCH_ROWS, NUM_MEL_BANDS]), log_mel


def log_mel_rows(waveforms: tf.Tensor, *, log_offset: float = LOG_OFFSET) -> tf.Tensor:
    """Rows of log mel every 10 ms: float32 [..., num_samples] at 16 kHz -> [..., num_rows, 64]."""
    spectrum = tf.abs(tf.signal.stft(waveforms, _WINDOW_SAMPLES, _HOP_SAMPLES, _FFT_LENGTH))
    return tf.math.log(tf.matmul(spectrum, _mel_weights()) + log_offset)


class LogMelFeatures(tf.Module):
    """NOT YAMNet: a stand-in for tests, and for the demo where no pretrained weights are at hand.

    It is called as YAMNet is, and frames sound as YAMNet does, but nothing in it is learnt. Each 0.96 s
    patch becomes 16 steps of 60 ms x 64 mel bands = 1024 numbers (step by step, low to high pitch):
    the mean log mel, less its mean over the patch and divided by its standard deviation, so that gain
    does not matter; digital silence is 0. The scores are all 0: it knows no classes.

    Example:
        >>> scores, embeddings, log_mel = LogMelFeatures()(tf.zeros(16_000))
        >>> embeddings.shape
        TensorShape([2, 1024])
    """

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="waveform")])
    def __call__(self, waveform: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Of a waveform float32 [num_samples], mono, 16 kHz, amplitude in [-1, 1].

        Returns:
            scores float32 [num_frames, 521], all 0; embeddings float32 [num_frames, 1024], of mean 0 and
            variance 1, or all 0; log mel spectrogram float32 [num_rows, 64].
        """
        patches, log_mel = log_mel_patches(waveform)
        scores, embeddings = self.from_patches(patches)
        return scores, embeddings, log_mel

    @tf.function(input_signature=[tf.TensorSpec([None, PATCH_ROWS, NUM_MEL_BANDS], tf.float32)])
    def from_patches(self, patches: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Scores float32 [batch, 521] and embeddings float32 [batch, 1024] of patches.

        Args:
            patches: float32 [batch, 96, 64], of `log_mel_patches`, of one or many recordings.
        """
        rows_per_step = PATCH_ROWS // _STAND_IN_STEPS
        steps = tf.reshape(patches, [-1, _STAND_IN_STEPS, rows_per_step, NUM_MEL_BANDS])
        flat = tf.reshape(tf.reduce_mean(steps, axis=2), [-1, _STAND_IN_STEPS * NUM_MEL_BANDS])
        mean, variance = tf.nn.moments(flat, axes=[1], keepdims=True)
        standardised = (flat - mean) * tf.math.rsqrt(variance + _LEAST_VARIANCE)
        # Without this, silence would be the rounding error of its mean.
        embeddings = tf.where(variance > 1e-3 * _LEAST_VARIANCE, standardised, 0.0)
        return tf.zeros([tf.shape(patches)[0], _NUM_CLASSES]), embeddings


def _pad_to_whole_patches(waveform: tf.Tensor) -> tf.Tensor:
    num_samples = tf.shape(waveform)[0]
    beyond_first = tf.maximum(num_samples - PATCH_SAMPLES, 0)
    num_hops = -(-beyond_first // PATCH_HOP_SAMPLES)  # rounded up
    missing = PATCH_SAMPLES + num_hops * PATCH_HOP_SAMPLES - num_samples
    return tf.pad(waveform, [[0, missing]])


@functools.cache
def _mel_weights() -> np.ndarray:
    """float32 [257, 64]: how much each frequency bin counts in each mel band."""
    with tf.init_scope():  # eager even while a graph is traced, so that it is computed once
        weights = tf.signal.linear_to_mel_weight_matrix(
            num_mel_bins=NUM_MEL_BANDS,
            num_spectrogram_bins=_FFT_LENGTH // 2 + 1,
            sample_rate=SAMPLE_RATE_HZ,
            lower_edge_hertz=125.0,
            upper_edge_hertz=7500.0,
        )
        return weights.numpy()
