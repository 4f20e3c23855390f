"""The audio branch: the frames of a recording become one vector."""

from __future__ import annotations

import keras
from keras import ops

from fused_encoder.fusion import centred_direction

LSTM_UNITS = 128
AUDIO_FEATURES_SIZE = 256
AUDIO_DROPOUT = 0.2


def audio_input(size: int) -> keras.KerasTensor:
    """A symbolic `audio_sequence`: float32 [batch, num_frames, size], any number of frames."""
    return keras.Input((None, size), name="audio_input")


def audio_features(audio_sequence: keras.KerasTensor) -> keras.KerasTensor:
    """One vector per recording: a bidirectional LSTM reads the frames in order.

    Frames that are all zero are padding: they are masked, so that a recording gets the same vector
    whatever it was padded to. (The published code let the LSTM read them.)

    From float32 [batch, num_frames, frame_size], right-padded with rows of zeros, to float32
    [batch, 256], at least 0.
    """
    frames = keras.layers.Masking(mask_value=0.0, name="audio_padding")(audio_sequence)
    summary = keras.layers.Bidirectional(keras.layers.LSTM(LSTM_UNITS), name="audio_bilstm")(frames)
    return keras.layers.Dense(AUDIO_FEATURES_SIZE, "relu", name="audio_features")(summary)


def attended_audio(audio_sequence: keras.KerasTensor, *, size: int) -> keras.KerasTensor:
    """One vector per recording, to be added to the photo's: frames averaged by attention, projected.

    Args:
        audio_sequence: float32 [batch, num_frames, frame_size], right-padded with rows of zeros.
        size: int >= 1, of the projection.

    Returns:
        float32 [batch, size], its length a measure of how sure it is.
    """
    frames = centred_direction(audio_sequence, name="audio_direction")
    heard = FrameAttention(name="audio_attention")(frames)
    heard = keras.layers.Dropout(AUDIO_DROPOUT, name="audio_dropout")(heard)
    # Starts small: until it has learnt something, sound says little beside the photo.
    small = keras.initializers.VarianceScaling(scale=0.01, mode="fan_in")
    return keras.layers.Dense(
        size, use_bias=False, kernel_initializer=small, name="audio_projection"
    )(heard)


@keras.saving.register_keras_serializable(package="fused_encoder")
class FrameAttention(keras.layers.Layer):
    """The weighted mean of a sequence's frames, the weights learned from the frames themselves.

    weight = softmax over frames of (frame . query). The query starts at zero, which is the plain mean.
    In half a minute of recording a bird may call for a few seconds only.

    Input shape:
        float32 [batch, num_frames, size]; frames of all zeros are padding and get no weight.
    Output shape:
        float32 [batch, size]; zeros where all frames are padding.
    Reference:
        Ilse et al., "Attention-based deep multiple instance learning", 2018,
        https://arxiv.org/abs/1802.04712 (theirs has a hidden layer, too much for small data).
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.query = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="query")

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        is_frame = ops.any(ops.not_equal(inputs, 0), axis=-1)
        scores = ops.cast(ops.matmul(inputs, ops.cast(self.query, inputs.dtype)), "float32")
        scores = ops.where(is_frame, scores, -1e9)
        weights = ops.cast(ops.softmax(scores, axis=-1), inputs.dtype)
        return ops.sum(weights[..., None] * inputs, axis=1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], input_shape[-1])
