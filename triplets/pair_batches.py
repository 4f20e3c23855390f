"""P × K batches: several classes, several pairs of each, for losses that look for their own triplets."""

from __future__ import annotations

import logging
from typing import Literal

import numpy as np
import tensorflow as tf

from triplets.photos import PhotoSource
from triplets.pipeline import DRAWN, EpochCounter, MemberLoader, build_dataset
from triplets.prepared import PreparedMedia, distinct_files

logger = logging.getLogger(__name__)

Sampling = Literal["class_balanced", "square_root", "by_file"]
EXPONENTS = {"class_balanced": 0.0, "square_root": 0.5, "by_file": 1.0}


def pair_batches(
    media: PreparedMedia,
    *,
    classes_per_batch: int = 8,
    pairs_per_class: int = 4,
    steps_per_epoch: int | None = None,
    sampling: Sampling = "class_balanced",
    window_frames: int = 10,
    photos: PhotoSource | None = None,
    augment: bool = False,
    epoch: EpochCounter | None = None,
    seed: int = 0,
) -> tf.data.Dataset:
    """Batches of P classes and K pairs of each, for `encoder.fit` with a loss that mines in the batch.

    A class's pairs in a batch are of distinct photos and distinct recordings, copies counted as one;
    a class with fewer than K has all of them and then some again, which losses tell by the source
    ids in the labels. Photo and recording are paired anew each time, and so is the window of a long
    recording drawn. A class of photos only, or of recordings only, has zeros (absent) for the other.

    Args:
        media: from `prepare_media` or `Triplets.media`; features are read when they are needed.
        classes_per_batch: int >= 2, P. Where there are fewer classes a batch has all of them.
        pairs_per_class: int >= 2, K.
        steps_per_epoch: int >= 1 or None: as many as give so many pairs as there are photos or
            recordings, whichever are more.
        sampling: how often a class is drawn: "class_balanced" (default) all alike, "by_file" in
            proportion to the number of its photos and recordings, "square_root" to its square root.
            No class stands in a batch twice, which limits the share of a large one.
        window_frames: int >= 1, frames of sound in a pair at most, see `media.front_end.frames_in`.
        photos: where photos come from: the stored ones (default), or features of a frozen trunk.
        augment: whether photos are varied, as their source does it.
        epoch: which epoch an iterator belongs to, see `training.SetEpoch`. Default: the next one.
        seed: int >= 0. Batches are a function of seed and epoch.

    Returns:
        tf.data.Dataset of (inputs, labels). Inputs by name: `image_input` float32
        [P * K, 224, 224, 3], RGB in [0, 1] (or [P * K, *photos.shape]); `audio_input` float32
        [P * K, window_frames, size]. Labels int32 [P * K, 3]: class index, photo id, recording id, -1
        for what is absent. A class's pairs stand together.

    Raises:
        ValueError: an option is out of range, or fewer than two classes have files (all in one message).
    Reference:
        Hermans et al., "In defense of the triplet loss", 2017, https://arxiv.org/abs/1703.07737.
    Example:
        >>> encoder.compile("adam", loss=TripletLoss(mining="hard"))
        >>> encoder.fit(pair_batches(media, classes_per_batch=8, pairs_per_class=4), epochs=10)
    """
    images, recordings = distinct_files(media.images), distinct_files(media.recordings)
    classes = np.array(sorted({*images, *recordings}))
    _check(len(classes), classes_per_batch, pairs_per_class, steps_per_epoch, sampling)
    if classes_per_batch > len(classes):
        logger.info("Batches have all %d classes, not %d.", len(classes), classes_per_batch)
    num_classes = min(classes_per_batch, len(classes))
    batch_size = num_classes * pairs_per_class
    none = np.empty(0, int)
    files = [(images.get(c, none), recordings.get(c, none)) for c in classes]
    if steps_per_epoch is None:
        num_images, num_recordings = (sum(map(len, kind)) for kind in zip(*files, strict=True))
        steps_per_epoch = -(-max(num_images, num_recordings) // batch_size)
    num_files = np.array([len(seen) + len(heard) for seen, heard in files])
    probabilities = inclusion_probabilities(num_files, num_classes, sampling)
    loader = MemberLoader(media, window_frames=window_frames, photos=photos, augment=augment)

    def plan(rng: np.random.Generator) -> np.ndarray:
        drawn = [
            [draw_without_repeats(kind, pairs_per_class, rng) for kind in files[index]]
            for _ in range(steps_per_epoch)
            for index in draw_distinct(probabilities, rng)
        ]
        return np.array(drawn).transpose(0, 2, 1).reshape(-1, 2)

    def load(rows: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        seen, heard = rows.T
        starts = np.full(len(rows), DRAWN)
        return (*loader.load(seen, heard, starts, rng), loader.labels(seen, heard))

    def name(photos: tf.Tensor, audio: tf.Tensor, labels: tf.Tensor) -> tuple[dict, tf.Tensor]:
        return {"image_input": photos, "audio_input": audio}, labels

    batches = build_dataset(
        plan,
        load,
        batch_size=batch_size,
        num_batches=steps_per_epoch,
        loader=loader,
        epoch=epoch,
        seed=seed,
    )
    return batches.map(name).prefetch(2)


def _check(
    num_classes: int,
    classes_per_batch: int,
    pairs_per_class: int,
    steps_per_epoch: int | None,
    sampling: str,
) -> None:
    problems = []
    if num_classes < 2:
        problems.append(f"expected at least two classes with files, received {num_classes}")
    if classes_per_batch < 2:
        problems.append(
            f"expected classes_per_batch >= 2 (negatives), received {classes_per_batch}"
        )
    if pairs_per_class < 2:
        problems.append(f"expected pairs_per_class >= 2 (positives), received {pairs_per_class}")
    if steps_per_epoch is not None and steps_per_epoch < 1:
        problems.append(f"expected steps_per_epoch >= 1 or None, received {steps_per_epoch}")
    if sampling not in EXPONENTS:
        problems.append(f"expected sampling to be one of {(*EXPONENTS,)}, received {sampling!r}")
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise ValueError(f"Batches cannot be made:{listed}")


def inclusion_probabilities(
    num_files: np.ndarray, num_drawn: int, sampling: Sampling
) -> np.ndarray:
    """The probability of each class to be among the distinct ones that are drawn.

    No class can be drawn twice: one whose share would be above 1 is always drawn, and the others share
    what is left.

    Args:
        num_files: int [num_classes], each >= 1.
        num_drawn: int in [1, num_classes].
        sampling: how.

    Returns:
        float64 [num_classes] in (0, 1], whose sum is `num_drawn`.
    """
    shares = num_files.astype(np.float64) ** EXPONENTS[sampling]
    is_certain = np.zeros(len(shares), bool)
    while True:
        left = num_drawn - is_certain.sum()
        probabilities = np.where(is_certain, 1.0, left * shares / shares[~is_certain].sum())
        above = ~is_certain & (probabilities >= 1.0)
        if not above.any():
            return probabilities
        is_certain |= above
        if is_certain.all():
            return np.ones(len(shares))


def draw_distinct(probabilities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Distinct indices, each with exactly its probability, in random order, int [num_drawn].

    Drawing one after the other without putting back would favour the small shares; here a comb with
    teeth 1 apart is laid on the shares in random order.

    Args:
        probabilities: float64 [num_classes] in (0, 1], whose sum is a whole number.
        rng: where they are drawn from.
    Reference:
        Madow, "On the theory of systematic sampling, II", 1949,
        https://doi.org/10.1214/aoms/1177729988.
    """
    certain = np.flatnonzero(probabilities >= 1.0)
    others = rng.permutation(np.flatnonzero(probabilities < 1.0))
    num_others = round(float(probabilities[others].sum()))
    edges = np.cumsum(probabilities[others])
    teeth = rng.uniform() + np.arange(num_others)
    chosen = others[np.minimum(np.searchsorted(edges, teeth, side="right"), len(others) - 1)]
    return rng.permutation(np.concatenate([certain, chosen]))


def draw_without_repeats(files: np.ndarray, num_drawn: int, rng: np.random.Generator) -> np.ndarray:
    """Files in random order, none twice before each was drawn once, int [num_drawn].

    Args:
        files: int [num_files]; none at all gives -1 (absent) throughout.
        num_drawn: int >= 1.
        rng: where they are drawn from.
    """
    if len(files) == 0:
        return np.full(num_drawn, -1)
    rounds = -(-num_drawn // len(files))
    return np.concatenate([rng.permutation(files) for _ in range(rounds)])[:num_drawn]
