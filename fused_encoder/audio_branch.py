"""The audio branch: a bidirectional LSTM that reads YAMNet's frames in order."""

import keras

from fused_encoder.audio_sequence import AUDIO_SEQUENCE_SIZE

LSTM_UNITS = 128
AUDIO_FEATURES_SIZE = 256


def audio_input() -> keras.KerasTensor:
    """A symbolic `audio_sequence`: float32 [batch, num_frames, 1024], any number of frames."""
    return keras.Input((None, AUDIO_SEQUENCE_SIZE), name="audio_input")


def audio_features(audio_sequence: keras.KerasTensor) -> keras.KerasTensor:
    """What was heard, as one vector per recording.

    Frames that are all zero are padding: they are masked, so that a recording gets the same vector
    whatever it was padded to. The published code let the LSTM read them.

    Args:
        audio_sequence: float32 [batch, num_frames, 1024], right-padded with rows of zeros.

    Returns:
        float32 [batch, 256], at least 0.
    """
    frames = keras.layers.Masking(mask_value=0.0, name="audio_padding")(audio_sequence)
    summary = keras.layers.Bidirectional(keras.layers.LSTM(LSTM_UNITS), name="audio_bilstm")(frames)
    return keras.layers.Dense(AUDIO_FEATURES_SIZE, "relu", name="audio_features")(summary)
