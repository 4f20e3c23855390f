"""From a plan of each epoch to the `tf.data.Dataset` that `model.fit` reads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from triplets.epochs import EpochCounter
from triplets.photos import PhotoSource

Plan = Callable[[np.random.Generator], np.ndarray]
Load = Callable[[np.ndarray, np.random.Generator], tuple[np.ndarray, ...]]


def build_dataset(
    plan: Plan,
    load: Load,
    *,
    batch_size: int,
    num_batches: int,
    photos: PhotoSource,
    audio_size: int,
    item_shape: tuple[int, ...] = (),
    epoch: EpochCounter | None = None,
    seed: int = 0,
) -> tf.data.Dataset:
    """Batches of photos, audio sequences and labels, in an order that depends on seed and epoch alone.

    When an iterator gives its first batch it asks for the epoch and for that epoch's plan, and keeps
    to it: what is changed meanwhile (mined again) shows in the next epoch.

    Args:
        plan: gives an epoch's items in their order, int64 [num_items, num_columns].
        load: int64 [batch, num_columns] -> photos [batch, *item_shape, *photos.shape], audio
            sequences float32 [batch, *item_shape, num_frames, audio_size], labels int32
            [batch, *item_shape, 3].
        batch_size: int >= 1, items per batch.
        num_batches: int >= 0, in each epoch.
        photos: says the photos' shape and dtype; pixels are scaled to [0, 1], features become float32.
        audio_size: int, numbers in a frame of sound.
        item_shape: of one item in members: () for a pair, (3,) for a triplet.
        epoch: which epoch an iterator belongs to. Default: one counter for this dataset.
        seed: int >= 0.

    Returns:
        tf.data.Dataset of (photos float32, audio sequences float32, labels int32).

    Raises:
        ValueError: the seed is below 0.
    """
    if seed < 0:
        raise ValueError(f"Expected seed >= 0, received {seed}.")
    counter = EpochCounter() if epoch is None else epoch

    def begin() -> tuple[np.ndarray, np.ndarray]:
        number = counter.begin()
        return np.array(number), plan(np.random.default_rng((seed, number))).astype(np.int64)

    def read(rows: np.ndarray, number: int, step: int) -> tuple[np.ndarray, ...]:
        # step + 1: NumPy takes (seed, epoch, 0) for (seed, epoch)
        return load(rows, np.random.default_rng((seed, int(number), int(step) + 1)))

    def in_batches(number: tf.Tensor, items: tf.Tensor) -> tf.data.Dataset:
        batches = tf.data.Dataset.from_tensor_slices(items).batch(batch_size)
        return batches.enumerate().map(lambda step, rows: (rows, number, step))

    def tensors(*batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        dtypes = [tf.as_dtype(photos.dtype), tf.float32, tf.int32]
        seen, heard, labels = tf.numpy_function(read, batch, dtypes)
        seen.set_shape((None, *item_shape, *photos.shape))
        heard.set_shape((None, *item_shape, None, audio_size))
        labels.set_shape((None, *item_shape, 3))
        is_pixels = seen.dtype == tf.uint8
        seen = tf.cast(seen, tf.float32)
        return seen / 255.0 if is_pixels else seen, heard, labels

    dataset = tf.data.Dataset.range(1)
    dataset = dataset.map(lambda _: tf.numpy_function(begin, [], [tf.int64, tf.int64]))
    dataset = dataset.flat_map(in_batches)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(num_batches))
    dataset = dataset.map(tensors, num_parallel_calls=2, deterministic=True)
    return dataset.with_options(_shard_by_batch())


def _shard_by_batch() -> tf.data.Options:
    """Each worker of a `tf.distribute` strategy reads all batches and keeps its part of them."""
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return options
