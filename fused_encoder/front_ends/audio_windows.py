"""Windows: the pieces of a long audio sequence that the encoder reads one at a time."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def audio_windows(
    audio_sequences: tf.Tensor, *, window_frames: int, max_windows: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Pieces of equal length, spread evenly over each sequence, first and last frame included.

    A sequence gets as many windows as cover it, at most `max_windows`; one no longer than a window
    is its only window, right-padded with zeros.

    Args:
        audio_sequences: float32 [batch, num_frames, 1024], right-padded with rows of zeros.
        window_frames: int >= 1, frames of 0.48 s in a window.
        max_windows: int >= 1.

    Returns:
        Windows float32 [num_windows, window_frames, 1024], item by item, and for each the batch index
        of its item, int32 [num_windows]. Every item has at least one window.
    """
    batch, size = tf.shape(audio_sequences)[0], audio_sequences.shape[-1]
    lengths = sequence_lengths(audio_sequences)
    cover = -(-lengths // window_frames)
    counts = tf.clip_by_value(cover, 1, max_windows)
    items = tf.repeat(tf.range(batch), counts)
    rank = tf.range(tf.shape(items)[0]) - tf.gather(tf.cumsum(counts, exclusive=True), items)
    room = tf.cast(tf.gather(tf.maximum(lengths - window_frames, 0), items), tf.float64)
    gaps = tf.cast(tf.maximum(tf.gather(counts, items) - 1, 1), tf.float64)
    starts = tf.cast(tf.round(tf.cast(rank, tf.float64) * room / gaps), tf.int32)
    padded = tf.pad(audio_sequences, [[0, 0], [0, window_frames], [0, 0]])
    frames = items[:, None] * tf.shape(padded)[1] + starts[:, None] + tf.range(window_frames)
    return tf.gather(tf.reshape(padded, (-1, size)), frames), items


def sequence_lengths(audio_sequences: tf.Tensor) -> tf.Tensor:
    """How many frames each sequence has up to its last row that is not all zero, int32 [batch].

    Args:
        audio_sequences: float32 [batch, num_frames, 1024].
    """
    holds_sound = tf.reduce_any(audio_sequences != 0, axis=-1)
    positions = tf.range(1, tf.shape(audio_sequences)[1] + 1)
    return tf.maximum(tf.reduce_max(tf.where(holds_sound, positions, 0), axis=1), 0)


def pad_sequences(sequences: list[np.ndarray], num_frames: int | None = None) -> np.ndarray:
    """Audio sequences of different lengths as one batch, right-padded with rows of zeros.

    Args:
        sequences: at least one, float32 [frames, 1024].
        num_frames: int or None, the length of the result; longer sequences are cut. Default: the
            longest one's.

    Returns:
        float32 [batch, num_frames, 1024].
    """
    length = num_frames or max(1, *(len(sequence) for sequence in sequences))
    batch = np.zeros((len(sequences), length, sequences[0].shape[-1]), np.float32)
    for row, sequence in zip(batch, sequences, strict=True):
        row[: len(sequence)] = sequence[:length]
    return batch
