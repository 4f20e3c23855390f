"""From sound to what the encoder hears: the one place where a waveform becomes an audio_sequence.

Training and inference both call `extract_audio_sequence`; the exported SavedModel holds its twin,
`audio_sequences_in_graph`. A test holds the two equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from fused_encoder.front_ends.log_mel import PATCH_HOP_SAMPLES, PATCH_SAMPLES, SAMPLE_RATE_HZ

AUDIO_SEQUENCE_SIZE = 1024
FRAME_HOP_SECONDS = 0.48
FRAME_SECONDS = 0.96
MIN_SECONDS = 0.1
"""Shortest sound that is taken. YAMNet would pad anything to 0.96 s, but below 100 ms (shorter than
nearly every bird call) more than nine tenths of what it hears is that padding."""

_MAX_AMPLITUDE = (
    64.0  # 36 dB above full scale: no float recording is that loud, unscaled integers are
)

Yamnet = Callable[[tf.Tensor], Sequence[tf.Tensor]]
"""float32 [num_samples], 16 kHz -> scores [n, 521], embeddings [n, 1024], log mel [m, 64]."""


class SilentRecordingError(ValueError):
    """A waveform holds no sound: all of its samples are equal."""


class TooShortRecordingError(ValueError):
    """A waveform holds less than `MIN_SECONDS` of sound."""


def frames_in(seconds: float) -> int:
    """How many YAMNet frames a sound of this length gives: 0.96 s each, one every 0.48 s.

    The last frame is padded, so that no sound is lost; a little more than 0.96 s (0.975 s, for the
    last analysis window) fits into one.

    Args:
        seconds: float >= 0, without trailing digital silence.

    Returns:
        int; 0 for no sound at all, else at least 1.

    Raises:
        ValueError: seconds is negative or not finite.

    Example:
        >>> frames_in(5.0)
        10
    """
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(f"Expected seconds to be finite and at least 0, received {seconds}.")
    return frames_in_samples(round(seconds * SAMPLE_RATE_HZ))


def frames_in_samples(num_samples: int) -> int:
    """`frames_in` for a length in samples at 16 kHz: int >= 0; 0 for none, else at least 1."""
    if num_samples == 0:
        return 0
    return 1 + math.ceil(max(num_samples - PATCH_SAMPLES, 0) / PATCH_HOP_SAMPLES)


def extract_audio_sequence(yamnet: Yamnet, waveform: np.ndarray) -> np.ndarray:
    """The audio_sequence of a waveform: one YAMNet embedding for every 0.48 s.

    Trailing samples of exactly 0 are padding and cut off first, so that a waveform padded into a batch
    gives the same sequence as alone. For many recordings `AudioSequences` is faster.

    Args:
        yamnet: what `load_yamnet` returns, or any callable of the same interface.
        waveform: float [num_samples], mono, 16 kHz, amplitude in [-1, 1], at least 0.1 s of sound.

    Returns:
        float32 [num_frames, 1024].

    Raises:
        SilentRecordingError: all samples are equal (digital silence).
        TooShortRecordingError: less than 0.1 s of sound.
        TypeError: the waveform is not of a floating type.
        ValueError: it is not one-dimensional, not finite, or far beyond [-1, 1]; or yamnet is none.
    """
    return embed_sound(yamnet, sound_in(waveform))


def sound_in(waveform: np.ndarray) -> np.ndarray:
    """The sound in a waveform: all of it but trailing samples of exactly 0, which are padding.

    Args:
        waveform: as in `extract_audio_sequence`.

    Returns:
        float32 [num_samples], at least 0.1 s.

    Raises:
        ValueError, TypeError: there is no usable sound, as in `extract_audio_sequence`.
    """
    return _without_padding(_checked(waveform))


def embed_sound(yamnet: Yamnet, sound: np.ndarray) -> np.ndarray:
    """The audio_sequence of a sound that `sound_in` gave, float32 [num_frames, 1024].

    Raises:
        ValueError: `yamnet` gives other shapes than YAMNet.
    """
    outputs = yamnet(sound)
    embeddings = np.asarray(outputs[1] if len(outputs) == 3 else None, dtype=np.float32)
    if embeddings.ndim != 2 or embeddings.shape[1] != AUDIO_SEQUENCE_SIZE:
        raise ValueError(
            "Expected a yamnet that gives (scores, embeddings [num_frames, 1024], log mel), received "
            f"{len(outputs)} outputs, embeddings of shape {embeddings.shape}. Use load_yamnet()."
        )
    return embeddings


def audio_sequences_in_graph(yamnet: Yamnet, waveforms: tf.Tensor) -> tf.Tensor:
    """`extract_audio_sequence` for a batch, in TensorFlow operations, for the exported SavedModel.

    A waveform that is all 0 (or of no samples) means "no sound": its sequence is all 0, which the
    encoder takes as absent. Sound that is too short or not finite stops the call with an
    `InvalidArgumentError`, as it would stop its twin.

    Args:
        yamnet: as in `extract_audio_sequence`, made of TensorFlow operations. The module that is
            saved must hold it as an attribute.
        waveforms: float32 [batch, num_samples], 16 kHz, padded on the right with zeros.

    Returns:
        float32 [batch, max_frames, 1024], padded on the right with rows of zeros; max_frames >= 1.
    """
    tf.debugging.assert_all_finite(waveforms, "A waveform holds NaN or infinity.")
    waveforms = tf.pad(waveforms, [[0, 1], [0, 0]])  # one more, so that none is no special case
    num_samples = _lengths_without_padding(waveforms)
    tf.debugging.assert_equal(
        tf.reduce_all((num_samples == 0) | (num_samples >= _min_samples())),
        True,
        message=f"A waveform holds less than {MIN_SECONDS} s of sound.",
    )

    def one_sequence(element: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        waveform, length = element
        return tf.cond(
            length > 0,
            lambda: tf.ensure_shape(yamnet(waveform[:length])[1], [None, AUDIO_SEQUENCE_SIZE]),
            lambda: tf.zeros([1, AUDIO_SEQUENCE_SIZE]),
        )

    spec = tf.RaggedTensorSpec([None, AUDIO_SEQUENCE_SIZE], tf.float32, ragged_rank=0)
    sequences = tf.map_fn(one_sequence, (waveforms, num_samples), fn_output_signature=spec)
    return sequences.to_tensor(shape=[None, None, AUDIO_SEQUENCE_SIZE])[:-1]


def _checked(waveform: np.ndarray) -> np.ndarray:
    """float32 [num_samples], after every check that does not need the length of the sound."""
    waveform = np.asarray(waveform)
    if not np.issubdtype(waveform.dtype, np.floating):
        raise TypeError(
            "Expected a waveform of floats in [-1, 1], received "
            f"{waveform.dtype}. Divide 16-bit samples by 32768."
        )
    if waveform.ndim != 1:
        raise ValueError(
            "Expected one mono waveform [num_samples], received shape "
            f"{waveform.shape}. Mix the channels down first."
        )
    with np.errstate(over="ignore"):
        waveform = waveform.astype(np.float32)
    is_finite = np.isfinite(waveform)
    if not is_finite.all():
        raise ValueError(
            f"Expected finite samples, received {(~is_finite).sum()} NaN or infinite ones of "
            f"{waveform.size}, the first at {is_finite.argmin() / SAMPLE_RATE_HZ:.4f} s."
        )
    peak = float(np.abs(waveform).max(initial=0.0))
    if peak > _MAX_AMPLITUDE:
        raise ValueError(
            f"Expected an amplitude in [-1, 1], received a peak of {peak:g}. "
            "These look like integer samples: divide 16-bit ones by 32768."
        )
    return waveform


def _without_padding(waveform: np.ndarray) -> np.ndarray:
    if waveform.size and np.ptp(waveform) == 0:
        raise SilentRecordingError(
            f"Expected sound, received {waveform.size / SAMPLE_RATE_HZ:.2f} s of digital silence: "
            f"every sample is {waveform[0]:g}. Leave this recording out."
        )
    num_samples = int(waveform.nonzero()[0].max(initial=-1)) + 1
    if num_samples < _min_samples():
        raise TooShortRecordingError(
            f"Expected at least {MIN_SECONDS} s of sound at 16 kHz, received "
            f"{num_samples / SAMPLE_RATE_HZ:.4f} s (trailing zeros are not counted). "
            "Use a longer recording, or cut a longer clip."
        )
    return waveform[:num_samples]


def _lengths_without_padding(waveforms: tf.Tensor) -> tf.Tensor:
    """int32 [batch]: how many samples each waveform has up to its last one that is not 0."""
    positions = tf.range(1, tf.shape(waveforms)[1] + 1)
    last = tf.reduce_max(tf.where(waveforms != 0, positions, 0), axis=1)
    return tf.maximum(last, 0)  # the maximum over no samples is the smallest integer


def _min_samples() -> int:
    return round(MIN_SECONDS * SAMPLE_RATE_HZ)
