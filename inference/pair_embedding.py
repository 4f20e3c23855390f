"""The graph that embeds pairs: one look at each photo, several windows of each recording, one vector.

The exported SavedModel and the validation during training run this same code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import keras
import tensorflow as tf

from fused_encoder.encoder import split_encoder
from fused_encoder.front_ends.audio_sequence import (
    AUDIO_SEQUENCE_SIZE,
    audio_sequences_in_graph,
    frames_in,
)
from fused_encoder.front_ends.audio_windows import audio_windows
from fused_encoder.front_ends.log_mel import SAMPLE_RATE_HZ
from fused_encoder.front_ends.yamnet import Yamnet
from fused_encoder.photo import IMAGE_SIZE

IMAGE_SPECS = (
    tf.TensorSpec((None, None, None, 3), tf.uint8, "images"),
    tf.TensorSpec((None, None, None, 3), tf.float32, "images"),
)
WAVEFORM_SPEC = tf.TensorSpec((None, None), tf.float32, "waveforms")
PHOTO_SPEC = tf.TensorSpec((None, *IMAGE_SIZE, 3), tf.float32)
SEQUENCE_SPEC = tf.TensorSpec((None, None, AUDIO_SEQUENCE_SIZE), tf.float32, "audio_sequences")


class PairModel(Protocol):
    """The functions of `PairEmbedding` that an embedder calls, live or restored."""

    embed_sequences: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    audio_sequences: Callable[[tf.Tensor], tf.Tensor]
    frames: Callable[[tf.Tensor], tf.Tensor]
    see: Callable[[tf.Tensor], list[tf.Tensor]]
    join: Callable[[list[tf.Tensor], tf.Tensor], tf.Tensor]


class PairEmbedding(tf.Module):
    """Photos and waveforms in, embeddings out, in TensorFlow operations only.

    A recording longer than a window is embedded window by window, each together with the photo; the
    mean of these, brought to unit length, is the pair's embedding.

    Args:
        encoder: from `create_fused_encoder`; its weights are copied.
        yamnet: see `load_yamnet`.
        audio_seconds: float > 0, the length of a window.
        max_windows: int >= 1, windows per recording; what comes after as many windows is not heard.
    """

    def __init__(
        self, encoder: keras.Model, yamnet: Yamnet, *, audio_seconds: float, max_windows: int
    ) -> None:
        super().__init__()
        self._see, self._join = split_encoder(encoder)
        self._weights = [w.value for w in (*self._see.variables, *self._join.variables)]
        # Traced once each, however many functions below call them.
        self._see_photos = tf.function(
            lambda photos: self._see(photos, training=False), input_signature=[PHOTO_SPEC]
        )
        self._join_windows = tf.function(
            lambda *seen_and_heard: self._join(list(seen_and_heard), training=False)
        )
        seen_specs = [tf.TensorSpec(part.shape, part.dtype) for part in self._see.outputs]
        self.join = tf.function(self._joined, input_signature=[seen_specs, SEQUENCE_SPEC])
        self._yamnet = yamnet
        self._window_frames = frames_in(audio_seconds)
        self._max_frames = frames_in(audio_seconds * max_windows)
        self._max_samples = round(audio_seconds * max_windows * SAMPLE_RATE_HZ)
        self._max_windows = max_windows

    @tf.function(reduce_retracing=True)
    def embed(self, images: tf.Tensor, waveforms: tf.Tensor) -> tf.Tensor:
        """Embeddings of pairs of a photo and a waveform.

        Args:
            images: uint8 or float32 in [0, 1], [batch, height, width, 3], RGB, any size; all zeros
                where there is no photo.
            waveforms: float32 [batch, num_samples], mono, 16 kHz, amplitude in [-1, 1], right-padded
                with zeros; all zeros (or no samples) where there is no recording.

        Returns:
            float32 [batch, embedding_size], unit length.
        """
        return self._pairs(images, self._heard(waveforms))

    @tf.function(input_signature=[IMAGE_SPECS[0], SEQUENCE_SPEC])
    def embed_sequences(self, images: tf.Tensor, audio_sequences: tf.Tensor) -> tf.Tensor:
        """Embeddings of pairs of a photo and what YAMNet made of a recording.

        Args:
            images: uint8 [batch, height, width, 3], as in `embed`.
            audio_sequences: float32 [batch, num_frames, 1024], right-padded with rows of zeros.

        Returns:
            float32 [batch, embedding_size], unit length.
        """
        return self._pairs(images, audio_sequences)

    @tf.function(input_signature=[IMAGE_SPECS[0]])
    def see(self, images: tf.Tensor) -> list[tf.Tensor]:
        """What is seen in photos, once for the many pairs a photo may be in.

        `join(see(images), audio_sequences)` is `embed_sequences(images, audio_sequences)`.

        Args:
            images: uint8 [batch, height, width, 3], as in `embed`.

        Returns:
            Image features float32 [batch, size] and whether there is a photo, bool [batch].
        """
        return self._see_photos(_to_input(images))

    @tf.function(input_signature=[WAVEFORM_SPEC])
    def audio_sequences(self, waveforms: tf.Tensor) -> tf.Tensor:
        """What YAMNet makes of waveforms.

        Args:
            waveforms: as in `embed`.

        Returns:
            float32 [batch, num_frames, 1024], right-padded with rows of zeros.
        """
        return self._heard(waveforms)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32, "waveform")])
    def frames(self, waveform: tf.Tensor) -> tf.Tensor:
        """YAMNet's frames of a piece of sound, whatever its length and whatever is in it.

        For recordings that are heard piece by piece; unlike `audio_sequences` it cuts off no silence.

        Args:
            waveform: float32 [num_samples], mono, 16 kHz, amplitude in [-1, 1].

        Returns:
            float32 [num_frames, 1024].
        """
        return tf.ensure_shape(self._yamnet(waveform)[1], [None, AUDIO_SEQUENCE_SIZE])

    def _heard(self, waveforms: tf.Tensor) -> tf.Tensor:
        return audio_sequences_in_graph(self._yamnet, waveforms[:, : self._max_samples])

    def _pairs(self, images: tf.Tensor, audio_sequences: tf.Tensor) -> tf.Tensor:
        tf.debugging.assert_equal(
            tf.shape(images)[0],
            tf.shape(audio_sequences)[0],
            message="Expected as many images as recordings; all zeros stand for an absent one.",
        )
        return self._joined(self._see_photos(_to_input(images)), audio_sequences)

    def _joined(self, seen: list[tf.Tensor], audio_sequences: tf.Tensor) -> tf.Tensor:
        audio_sequences = audio_sequences[:, : self._max_frames]
        windows, items = audio_windows(
            audio_sequences, window_frames=self._window_frames, max_windows=self._max_windows
        )
        embeddings = self._join_windows(*(tf.gather(part, items) for part in seen), windows)
        return tf.math.l2_normalize(tf.math.segment_mean(embeddings, items), axis=-1)


def _to_input(images: tf.Tensor) -> tf.Tensor:
    """float32 [batch, 224, 224, 3] in [0, 1]."""
    scaled = tf.cast(images, tf.float32) / (255.0 if images.dtype == tf.uint8 else 1.0)
    is_size = tf.reduce_all(tf.shape(images)[1:3] == IMAGE_SIZE)
    resized = tf.cond(
        is_size, lambda: scaled, lambda: tf.image.resize(scaled, IMAGE_SIZE, antialias=True)
    )
    return tf.ensure_shape(resized, (None, *IMAGE_SIZE, 3))
