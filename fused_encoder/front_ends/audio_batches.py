"""Many recordings at once: `extract_audio_sequence` with YAMNet run on batches of windows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
import tensorflow as tf

from fused_encoder.front_ends.audio_sequence import (
    AUDIO_SEQUENCE_SIZE,
    Yamnet,
    embed_sound,
    frames_in_samples,
)
from fused_encoder.front_ends.log_mel import (
    PATCH_HOP_SAMPLES,
    PATCH_SAMPLES,
    SAMPLE_RATE_HZ,
    log_mel_patches,
)

WINDOWS_PER_BATCH = 64
"""YAMNet windows of 0.96 s in a batch. Larger ones are no faster on a processor's cores."""

_MAX_JOINING_ERROR = 1e-3  # relative: float noise is below it, a frame that hears another far above


@runtime_checkable
class PatchYamnet(Protocol):
    """A YAMNet that can also be given log mel patches, which may come from many recordings."""

    def from_patches(self, patches: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Scores and embeddings [batch, 1024] of float32 [batch, 96, 64], of `log_mel_patches`."""
        ...


class AudioSequences:
    """What `extract_audio_sequence` gives, for many recordings, with YAMNet run on batches of windows.

    How the windows of several recordings come into one batch depends on the YAMNet:

    - one with `from_patches` (`WaveformYamnet`, `LogMelFeatures`) gets their log mel patches;
    - a TensorFlow function that takes one waveform only (TF-Hub's YAMNet, any SavedModel) hears them
      joined into one waveform: each starts at a whole number of hops, and the two frames that would
      hear two recordings are dropped. Whether its frames hear nothing but their own 0.96 s is tried
      out first, on three short sounds;
    - any other callable gets one recording at a time.

    Args:
        yamnet: what `load_yamnet` returns, or any callable of the same interface.

    Example:
        >>> [sequence.shape for sequence in AudioSequences(yamnet)([sound_in(a), sound_in(b)])]
        [(10, 1024), (4, 1024)]
    """

    def __init__(self, yamnet: Yamnet) -> None:
        self._yamnet = yamnet

    @property
    def windows_per_call(self) -> int:
        """How many windows are best gathered for a call; 1 where it would hear them one by one."""
        return 1 if self._embed_pieces is None else WINDOWS_PER_BATCH

    def __call__(self, sounds: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The audio_sequences of some sounds.

        A long sound is heard in pieces, so that YAMNet needs no more memory for it than for a batch.

        Args:
            sounds: float32 [num_samples] each, from `sound_in`.

        Returns:
            float32 [num_frames, 1024] each, in the same order; equal to `extract_audio_sequence`
            within float tolerance.

        Raises:
            ValueError: yamnet gives other shapes than YAMNet.
        """
        if not sounds:
            return []
        embed = self._embed_pieces
        if embed is None:
            return [embed_sound(self._yamnet, sound) for sound in sounds]
        pieces = [piece for sound in sounds for piece in _cut(sound)]
        embeddings = np.concatenate([embed(batch) for batch in _batches(pieces)])
        ends = np.cumsum([frames_in_samples(len(sound)) for sound in sounds])
        return np.split(embeddings, ends[:-1])

    @cached_property
    def _embed_pieces(self) -> Callable[[list[np.ndarray]], np.ndarray] | None:
        """Embeddings [all frames, 1024] of some pieces; None where only one at a time will do."""
        yamnet = self._yamnet
        if isinstance(yamnet, PatchYamnet):
            return lambda pieces: _embed_patches(yamnet, pieces)
        if _is_graph(yamnet) and _hears_only_its_window(yamnet):
            return lambda pieces: _embed_joined(yamnet, pieces)
        return None


def _cut(sound: np.ndarray) -> Iterator[np.ndarray]:
    """Pieces of at most a batch of frames; each frame lies in one piece whole."""
    num_frames = frames_in_samples(len(sound))
    for first in range(0, num_frames, WINDOWS_PER_BATCH):
        last = min(first + WINDOWS_PER_BATCH, num_frames) - 1
        yield sound[first * PATCH_HOP_SAMPLES : last * PATCH_HOP_SAMPLES + PATCH_SAMPLES]


def _batches(pieces: Sequence[np.ndarray]) -> Iterator[list[np.ndarray]]:
    """The pieces in their order, together as long as all their frames fit into a batch."""
    batch: list[np.ndarray] = []
    num_windows = 0
    for piece in pieces:
        num_frames = frames_in_samples(len(piece))
        if batch and num_windows + num_frames > WINDOWS_PER_BATCH:
            yield batch
            batch, num_windows = [], 0
        batch.append(piece)
        num_windows += num_frames
    if batch:
        yield batch


def _embed_patches(yamnet: PatchYamnet, pieces: list[np.ndarray]) -> np.ndarray:
    patches = tf.concat([_patches(piece) for piece in pieces], axis=0)
    return _checked(yamnet.from_patches(patches)[1], num_frames=len(patches))


@tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
def _patches(waveform: tf.Tensor) -> tf.Tensor:
    return log_mel_patches(waveform)[0]


def _embed_joined(yamnet: Yamnet, pieces: list[np.ndarray]) -> np.ndarray:
    """Embeddings of pieces that are joined into one waveform.

    n frames span n + 1 hops and 240 samples; zeros fill the hop that these begin. The frames that
    start in the last two hops hear the next piece too: they are dropped.
    """
    if len(pieces) == 1:
        return embed_sound(yamnet, pieces[0])
    num_frames = [frames_in_samples(len(piece)) for piece in pieces]
    slots = [(frames + 2) * PATCH_HOP_SAMPLES for frames in num_frames]
    padded = [
        np.pad(piece, (0, slot - len(piece))) for piece, slot in zip(pieces, slots, strict=True)
    ]
    is_own = np.concatenate([np.arange(frames + 2) < frames for frames in num_frames])[:-1]
    outputs = yamnet(np.concatenate(padded))
    return _checked(outputs[1], num_frames=len(is_own))[is_own]


def _checked(embeddings: tf.Tensor, num_frames: int) -> np.ndarray:
    embeddings = np.asarray(embeddings, dtype=np.float32)
    if embeddings.shape != (num_frames, AUDIO_SEQUENCE_SIZE):
        raise ValueError(
            f"Expected a yamnet that gives embeddings [{num_frames}, {AUDIO_SEQUENCE_SIZE}] for "
            f"{num_frames} windows, received {list(embeddings.shape)}. Use load_yamnet()."
        )
    return embeddings


def _is_graph(yamnet: Yamnet) -> bool:
    """Whether it is a TensorFlow function, as what `hub.load` and `tf.saved_model.load` return."""
    function = tf.types.experimental.PolymorphicFunction
    return any(isinstance(one, function) for one in (yamnet, getattr(yamnet, "__call__", None)))  # noqa: B004


def _hears_only_its_window(yamnet: Yamnet) -> bool:
    """Whether sounds give the same frames joined as alone: a loud, a faint and a short one."""
    rng = np.random.default_rng(0)
    lengths = (SAMPLE_RATE_HZ, 25_000, 4_000)
    sounds = [
        (gain * rng.uniform(-1, 1, length)).astype(np.float32)
        for gain, length in zip((0.8, 0.01, 0.2), lengths, strict=True)
    ]
    alone = np.concatenate([embed_sound(yamnet, sound) for sound in sounds])
    try:
        joined = _embed_joined(yamnet, sounds)
    except ValueError:  # it frames sound otherwise
        return False
    if alone.shape != joined.shape:
        return False
    return bool(np.abs(alone - joined).max() <= _MAX_JOINING_ERROR * np.abs(alone).max())
