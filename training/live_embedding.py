"""Live embedding: how an encoder in training sees held-out pairs, at the end of every epoch."""

from __future__ import annotations

from functools import partial

import keras
import numpy as np
import tensorflow as tf

from fused_encoder.encoder import split_encoder
from fused_encoder.front_ends.sequences import audio_windows, pad_sequences
from fused_encoder.photo import IMAGE_SIZE
from training.pairs import Pairs
from triplets.photos import PhotoSource, StoredPhotos, load_photos, scale_photos
from triplets.prepared import ABSENT, PreparedMedia

BATCH_SIZE = 16


class LiveEmbedding:
    """Embeds pairs with the weights that an encoder has at the moment.

    It gives what an `Embedder` of these weights gives: a long recording is heard window by window, each
    together with the photo, and the mean of these is brought to unit length. A photo is looked at
    once, however many pairs it is in.

    Args:
        encoder: from `create_fused_encoder`, or the head behind a frozen trunk.
        media: photos and recordings.
        pairs: which of them are embedded, see `draw_pairs`.
        photos: what the encoder's `image_input` takes: with a head, the trunk's features, which are
            then computed once and for all. Default: the stored photos.
        audio_seconds: float > 0, the length of a window. Default 5.0.
        max_windows: int >= 1, windows per recording. Default 6.

    Raises:
        ValueError: there are no pairs, or the photos do not have the shape that the encoder takes.
    """

    def __init__(
        self,
        encoder: keras.Model,
        media: PreparedMedia,
        pairs: Pairs,
        *,
        photos: PhotoSource | None = None,
        audio_seconds: float = 5.0,
        max_windows: int = 6,
    ) -> None:
        if not len(pairs.labels):
            raise ValueError(
                "Expected at least one photo or recording to embed, received media without any."
            )
        self._media = media
        self.pairs = pairs
        self._photos = photos or StoredPhotos(media)
        check_photos(encoder, photos)
        self._max_frames = media.front_end.frames_in(audio_seconds * max_windows)
        self._windows = partial(
            audio_windows,
            window_frames=media.front_end.frames_in(audio_seconds),
            max_windows=max_windows,
        )
        see, self._join = split_encoder(encoder, copy_weights=False)
        self._see = tf.function(partial(see, training=False), reduce_retracing=True)
        specs = [tf.TensorSpec(part.shape, part.dtype) for part in see.outputs]
        sequences = tf.TensorSpec((None, None, media.front_end.embedding_size), tf.float32)
        self._embed = tf.function(self._embed_windows, input_signature=[specs, sequences])

    def __call__(self) -> np.ndarray:
        """The embeddings of the pairs, float32 [num_pairs, embedding_size], unit length."""
        images, of_pair = np.unique(self.pairs.images, return_inverse=True)
        seen = self._look(images)
        parts = []
        for start in range(0, len(of_pair), BATCH_SIZE):
            rows = slice(start, start + BATCH_SIZE)
            sequences = self._sequences(self.pairs.recordings[rows])
            parts.append(self._embed([tf.gather(part, of_pair[rows]) for part in seen], sequences))
        return np.concatenate(parts)

    def _look(self, images: np.ndarray) -> list[tf.Tensor]:
        """What is seen in each of these photos."""
        seen = []
        for start in range(0, len(images), BATCH_SIZE):
            batch = load_photos(self._photos, images[start : start + BATCH_SIZE], None)
            seen.append(self._see(tf.constant(scale_photos(batch))))
        return [tf.concat(parts, axis=0) for parts in zip(*seen, strict=True)]

    def _sequences(self, recordings: np.ndarray) -> tf.Tensor:
        absent = np.zeros((1, self._media.front_end.embedding_size), np.float32)
        features = [
            absent if i == ABSENT else self._media.recordings[i].feature()[: self._max_frames]
            for i in recordings
        ]
        return tf.constant(pad_sequences(features))

    def _embed_windows(self, seen: list[tf.Tensor], sequences: tf.Tensor) -> tf.Tensor:
        windows, items = self._windows(sequences)
        parts = [tf.gather(part, items) for part in seen]
        embeddings = self._join([*parts, windows], training=False)
        return tf.math.l2_normalize(tf.math.segment_mean(embeddings, items), axis=-1)


def check_photos(encoder: keras.Model, photos: PhotoSource | None) -> None:
    """Raises ValueError for photos (None: the stored ones) that an encoder's `image_input` cannot take."""
    expected = tuple(encoder.input["image_input"].shape[1:])
    received = (*IMAGE_SIZE, 3) if photos is None else tuple(photos.shape)
    if received != expected:
        raise ValueError(
            f"The encoder's image_input takes {list(expected)}, but the photos are {list(received)}. "
            "For the head behind a frozen trunk pass the trunk's features as photos; for the whole "
            "encoder pass none."
        )
