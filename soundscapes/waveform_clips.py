"""Clips from sound itself: decoded anew in each epoch, so that what is mixed is sound and not its picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fused_encoder.front_ends.contract import AudioFrontEnd
from media import load_waveform
from triplets.prepared import PreparedFile

if TYPE_CHECKING:
    import tensorflow as tf

    from soundscapes.augmentation.augmentation import Augmentation


def waveform_clip_batches(
    recordings: Sequence[PreparedFile],
    labels: np.ndarray,
    front_end: AudioFrontEnd,
    *,
    clip_frames: int,
    batch_size: int,
    chances: np.ndarray | None = None,
    augmentation: Augmentation | None = None,
    seed: int = 0,
) -> tf.data.Dataset:
    """As `clip_batches`, but of sound: the same clips of the same seed, and waveforms can be augmented too.

    Without augmentation the frames are those of the store, within its rounding. It is slower by far, for
    files are decoded and their spectrograms made at every step.

    Args:
        recordings: from `prepare_media` with this front end; their files are read again.
        labels: float32 [num_recordings, num_classes], in [0, 1].
        front_end: from `mel_front_end`.
        clip_frames: int >= 1.
        batch_size: int >= 1.
        chances: float [num_recordings], how often each is drawn.
        augmentation: of waveforms and of frames; None: nothing is changed.
        seed: the same seed gives the same batches.

    Returns:
        A dataset of frames float32 [batch, clip_frames, size] and labels float32 [batch, num_classes].

    Raises:
        ValueError: the front end does not make spectrograms.
    """
    import tensorflow as tf

    from soundscapes.spectrogram import MelSpectrogram

    rows_of = front_end.module
    if not isinstance(rows_of, MelSpectrogram):
        raise ValueError(
            f"Waveforms are augmented before spectrograms only, received '{front_end.name}'. Train from its "
            "stored frames, or use mel_front_end()."
        )
    num_samples = (clip_frames - 1) * front_end.hop_samples + front_end.window_samples

    def draw() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        rng = np.random.default_rng(seed)
        while True:
            place = rng.choice(len(recordings), p=chances)
            file = recordings[place]
            start = rng.integers(max(len(file.feature()) - clip_frames, 0) + 1)
            first = int(start) * front_end.hop_samples
            yield _stretch(file, first, num_samples, front_end.sample_rate_hz), labels[place]

    def work(number: tf.Tensor, batch: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        waveforms, species = batch
        if augmentation is not None:
            waveforms, species = augmentation.augment_waveforms(waveforms, species, (seed, number))
        frames = _without_padding(rows_of(waveforms), waveforms, front_end)
        if augmentation is not None:
            frames, species = augmentation.augment_frames(frames, species, (seed, number))
        return frames, species

    clips = tf.data.Dataset.from_generator(
        draw,
        output_signature=(
            tf.TensorSpec([num_samples], tf.float32),
            tf.TensorSpec([labels.shape[1]], tf.float32),
        ),
    )
    return clips.batch(batch_size).enumerate().map(work).prefetch(2)


def _stretch(file: PreparedFile, first: int, length: int, rate: int) -> np.ndarray:
    """So many samples of a recording, filled up with zeros: float32 [length]."""
    sound = load_waveform(
        file.path, sample_rate_hz=rate, offset_seconds=first / rate, max_seconds=length / rate
    )[:length]
    return np.pad(sound, (0, length - len(sound)))


def _without_padding(
    frames: tf.Tensor, waveforms: tf.Tensor, front_end: AudioFrontEnd
) -> tf.Tensor:
    """Frames behind the end of a recording are zeros, as in clips from the store."""
    import tensorflow as tf

    ends = tf.range(1, tf.shape(waveforms)[1] + 1) * tf.cast(waveforms != 0, tf.int32)
    beyond = tf.maximum(tf.reduce_max(ends, axis=1) - front_end.window_samples, 0)
    num_frames = 1 + -(-beyond // front_end.hop_samples)
    is_sound = tf.sequence_mask(num_frames, tf.shape(frames)[1], frames.dtype)
    return frames * is_sound[:, :, None]
