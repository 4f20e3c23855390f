"""Audio sequences in batches and in graphs: padded, cut into the windows that the encoder reads."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from fused_encoder.front_ends.contract import AudioFrontEnd


def audio_sequences_in_graph(front_end: AudioFrontEnd, waveforms: tf.Tensor) -> tf.Tensor:
    """`front_end(waveform)` for a batch, in TensorFlow operations, for the exported SavedModel.

    A waveform that is all 0 (or of no samples) means "no sound": its sequence is all 0, which the
    encoder takes as absent. Sound that is too short, constant or not finite stops the call with an
    `InvalidArgumentError`, where `front_end(waveform)` would raise a `ValueError`.

    Args:
        front_end: one with a `module`, which the module that is saved must hold as an attribute.
        waveforms: float32 [batch, num_samples], padded on the right with zeros.

    Returns:
        float32 [batch, max_frames, embedding_size], padded on the right with rows of zeros;
        max_frames >= 1.
    """
    size = front_end.embedding_size
    tf.debugging.assert_all_finite(waveforms, "A waveform holds NaN or infinity.")
    waveforms = tf.pad(waveforms, [[0, 1], [0, 0]])  # one more, so that none is no special case
    num_samples = _lengths(waveforms != 0)
    tf.debugging.assert_equal(
        tf.reduce_all((num_samples == 0) | (num_samples >= front_end.min_samples)),
        True,
        message=f"A waveform holds less than {front_end.min_seconds:g} s of sound.",
    )
    is_sound = tf.sequence_mask(num_samples, tf.shape(waveforms)[1])
    is_changing = tf.reduce_any(is_sound & (waveforms != waveforms[:, :1]), axis=1)
    tf.debugging.assert_equal(
        tf.reduce_all((num_samples == 0) | is_changing),
        True,
        message="A waveform is digital silence: all of its samples are equal.",
    )

    def one_sequence(element: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        waveform, length = element
        return tf.cond(
            length > 0,
            lambda: tf.ensure_shape(front_end.embed_sound(waveform[:length]), [None, size]),
            lambda: tf.zeros([1, size]),
        )

    spec = tf.RaggedTensorSpec([None, size], tf.float32, ragged_rank=0)
    sequences = tf.map_fn(one_sequence, (waveforms, num_samples), fn_output_signature=spec)
    return sequences.to_tensor(shape=[None, None, size])[:-1]


def audio_windows(
    audio_sequences: tf.Tensor, *, window_frames: int, max_windows: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Pieces of equal length, spread evenly over each sequence, first and last frame included.

    A sequence gets as many windows as cover it, at most `max_windows`; one no longer than a window
    is its only window, right-padded with zeros.

    Args:
        audio_sequences: float32 [batch, num_frames, size], right-padded with rows of zeros.
        window_frames: int >= 1, frames in a window.
        max_windows: int >= 1.

    Returns:
        Windows float32 [num_windows, window_frames, size], item by item, and for each the batch index
        of its item, int32 [num_windows]. Every item has at least one window.
    """
    batch, size = tf.shape(audio_sequences)[0], audio_sequences.shape[-1]
    lengths = _lengths(tf.reduce_any(audio_sequences != 0, axis=-1))
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


def pad_sequences(sequences: list[np.ndarray], num_frames: int | None = None) -> np.ndarray:
    """Audio sequences of different lengths as one batch, right-padded with rows of zeros.

    Args:
        sequences: at least one, float32 [frames, size].
        num_frames: int or None, the length of the result; longer sequences are cut. Default: the
            longest one's.

    Returns:
        float32 [batch, num_frames, size].
    """
    length = num_frames or max(1, *(len(sequence) for sequence in sequences))
    batch = np.zeros((len(sequences), length, sequences[0].shape[-1]), np.float32)
    for row, sequence in zip(batch, sequences, strict=True):
        row[: len(sequence)] = sequence[:length]
    return batch


def _lengths(is_content: tf.Tensor) -> tf.Tensor:
    """int32 [batch]: positions up to the last True of each row of bool [batch, num_positions]."""
    positions = tf.range(1, tf.shape(is_content)[1] + 1)
    last = tf.reduce_max(tf.where(is_content, positions, 0), axis=1)
    return tf.maximum(last, 0)  # the maximum over no positions is the smallest integer
