"""A stand-in for YAMNet that needs no weights: the log mel spectrogram itself, coarsely averaged."""

from __future__ import annotations

import tensorflow as tf

from fused_encoder.front_ends.log_mel import NUM_MEL_BANDS, PATCH_ROWS, log_mel_patches

_NUM_STEPS = 16  # time steps per patch, of 6 spectrogram rows (60 ms) each
_NUM_CLASSES = 521
_LEAST_VARIANCE = 1e-4  # of log mel; steady noise has about 0.1


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
        """Scores (zeros), embeddings and log mel spectrogram of a waveform.

        Args:
            waveform: float32 [num_samples], mono, 16 kHz, amplitude in [-1, 1].

        Returns:
            scores float32 [num_frames, 521], all 0; embeddings float32 [num_frames, 1024], of mean 0 and
            variance 1, or all 0; log mel spectrogram float32 [num_rows, 64].
        """
        patches, log_mel = log_mel_patches(waveform)
        scores, embeddings = self.from_patches(patches)
        return scores, embeddings, log_mel

    @tf.function(input_signature=[tf.TensorSpec([None, PATCH_ROWS, NUM_MEL_BANDS], tf.float32)])
    def from_patches(self, patches: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Scores (zeros) and embeddings of patches, which may come from many recordings.

        Args:
            patches: float32 [batch, 96, 64], of `log_mel_patches`.

        Returns:
            scores float32 [batch, 521], embeddings float32 [batch, 1024].
        """
        rows_per_step = PATCH_ROWS // _NUM_STEPS
        steps = tf.reshape(patches, [-1, _NUM_STEPS, rows_per_step, NUM_MEL_BANDS])
        flat = tf.reshape(tf.reduce_mean(steps, axis=2), [-1, _NUM_STEPS * NUM_MEL_BANDS])
        mean, variance = tf.nn.moments(flat, axes=[1], keepdims=True)
        standardised = (flat - mean) * tf.math.rsqrt(variance + _LEAST_VARIANCE)
        # Without this, silence would be the rounding error of its mean.
        embeddings = tf.where(variance > 1e-3 * _LEAST_VARIANCE, standardised, 0.0)
        return tf.zeros([tf.shape(patches)[0], _NUM_CLASSES]), embeddings
