"""From triplets on disk to the `tf.data.Dataset` that `model.fit` reads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from fused_encoder.audio_sequence import AUDIO_SEQUENCE_SIZE
from fused_encoder.image_branch import IMAGE_SIZE

LoadBatch = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray, np.ndarray]]


def build_dataset(
    num_triplets: int,
    load_batch: LoadBatch,
    batch_size: int,
    *,
    shuffle: bool,
    seed: int,
) -> tf.data.Dataset:
    """Batches of named inputs and labels: see `Triplets.to_dataset`.

    Args:
        num_triplets: int, how many there are.
        load_batch: int64 [batch] and a draw (int >= 0, another each time) -> photos uint8
            [3, batch, 224, 224, 3], audio sequences float32 [3, batch, num_frames, 1024], class
            indices int32 [batch, 3].
        batch_size: int >= 1.
        shuffle: whether each epoch has its own order.
        seed: int, for the order and the draws.
    """

    def load(draw: tf.Tensor, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        photos, audio, labels = tf.numpy_function(
            load_batch, [indices, draw], [tf.uint8, tf.float32, tf.int32]
        )
        photos.set_shape((3, None, *IMAGE_SIZE, 3))
        audio.set_shape((3, None, None, AUDIO_SEQUENCE_SIZE))
        labels.set_shape((None, 3))
        return tf.cast(photos, tf.float32) / 255.0, audio, labels

    def name(photos: tf.Tensor, audio: tf.Tensor, labels: tf.Tensor) -> tuple[dict, tf.Tensor]:
        inputs = {}
        for position, role in enumerate(("anchor", "positive", "negative")):
            inputs[f"{role}_image"] = photos[position]
            inputs[f"{role}_audio"] = audio[position]
        return inputs, labels

    indices = tf.data.Dataset.range(num_triplets)
    if shuffle:
        indices = indices.shuffle(max(num_triplets, 1), seed=seed)
    draws = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True)
    batches = tf.data.Dataset.zip(draws, indices.batch(batch_size)).map(
        load, num_parallel_calls=2, deterministic=True
    )
    return batches.map(name).prefetch(2)
