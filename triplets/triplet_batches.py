"""Triplet batches: what a triplet model reads, three named pairs per item."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from triplets.epochs import EpochCounter
from triplets.members import DRAWN, MemberLoader
from triplets.pipeline import build_dataset

ROLES = ("anchor", "positive", "negative")


def triplet_batches(
    current_members: Callable[[], np.ndarray],
    loader: MemberLoader,
    batch_size: int,
    *,
    shuffle: bool,
    random_windows: bool,
    epoch: EpochCounter | None,
    seed: int,
) -> tf.data.Dataset:
    """Batches of named inputs and labels: see `Triplets.to_dataset`.

    Args:
        current_members: gives the triplets as they are when an epoch begins, int
            [num_triplets, 3, 3]: of each role the photo, the recording and its window's first frame.
        loader: reads them.
        batch_size: int >= 1.
        shuffle: whether each epoch has its own order.
        random_windows: whether windows are drawn anew instead.
        epoch: which epoch an iterator belongs to.
        seed: int >= 0.
    """
    num_triplets = len(current_members())

    def plan(rng: np.random.Generator) -> np.ndarray:
        members = current_members()
        order = rng.permutation(num_triplets) if shuffle else np.arange(num_triplets)
        return members[order].reshape(num_triplets, 9)

    def load(rows: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        images, recordings, starts = rows.reshape(-1, 3).T  # anchor, positive, negative in turn
        if random_windows:
            starts = np.full_like(starts, DRAWN)
        arrays = (*loader.load(images, recordings, starts, rng), loader.labels(images, recordings))
        return tuple(array.reshape(-1, 3, *array.shape[1:]) for array in arrays)

    def name(photos: tf.Tensor, audio: tf.Tensor, labels: tf.Tensor) -> tuple[dict, tf.Tensor]:
        inputs = {}
        for position, role in enumerate(ROLES):
            inputs[f"{role}_image"] = photos[:, position]
            inputs[f"{role}_audio"] = audio[:, position]
        return inputs, labels

    batches = build_dataset(
        plan,
        load,
        batch_size=batch_size,
        num_batches=-(-num_triplets // batch_size),
        photos=loader.photos,
        audio_size=loader.audio_shape[-1],
        item_shape=(3,),
        epoch=epoch,
        seed=seed,
    )
    return batches.map(name).prefetch(2)
