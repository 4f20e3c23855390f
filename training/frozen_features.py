"""Frozen features: what the frozen trunk makes of each photo and its variations, computed once, ever."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import keras
import numpy as np
from tqdm import tqdm

from fused_encoder.photo import IMAGE_SIZE
from training.frozen_trunk import FrozenTrunk
from training.precision import precision_of
from triplets.augmentation import augment_photo
from triplets.features import FEATURES_VERSION
from triplets.photos import VaryPhoto, scale_photos
from triplets.prepared import PreparedFile, PreparedMedia
from triplets.store import FeatureStore

logger = logging.getLogger(__name__)

StoredAs = Literal["float16", "float32"]
FLOAT16_ERROR = 2.0**-11  # of rounding to the nearest float16, relative


class FrozenFeatures:
    """Features of photos behind a frozen trunk: a `PhotoSource`, for training the head behind it.

    Nothing is held in memory: each item is read from its file, by memory map, when it is asked for.

    Args:
        paths: of .npy files float16 or float32 [num_views, *feature_shape], one per photo; view 0 is
            the photo as it is, the others are variations of it.
        feature_shape: of one view's features, such as (1280,) or (14, 14, 512).
    """

    def __init__(self, paths: Sequence[Path], feature_shape: tuple[int, ...]) -> None:
        self.paths = tuple(paths)
        self.shape = tuple(feature_shape)
        self.dtype = np.dtype(np.float32)

    def __len__(self) -> int:
        return len(self.paths)

    def load(self, image_index: int, rng: np.random.Generator | None) -> np.ndarray:
        """The features of one view of a photo, float32 [*feature_shape].

        Args:
            image_index: int, into the photos that were frozen.
            rng: where the view is drawn from; None for the photo as it is.
        """
        views = np.load(self.paths[image_index], mmap_mode="r")
        view = 0 if rng is None else int(rng.integers(len(views)))
        return np.array(views[view], self.dtype)


def freeze_photos(
    frozen: FrozenTrunk,
    media: PreparedMedia,
    *,
    num_views: int = 8,
    seed: int = 0,
    augment: VaryPhoto = augment_photo,
    stored_as: StoredAs = "float16",
    store: FeatureStore | None = None,
    progress: bool = True,
) -> FrozenFeatures:
    """Runs each photo, and variations of it, through a frozen trunk, unless the store has it already.

    A photo's features are kept under its content and all that they depend on: the trunk's weights and
    what it computes, the number of views, the seed, the augmentation. A run that was interrupted goes
    on where it stopped; the next one only opens the files.

    Args:
        frozen: from `split_frozen_trunk`.
        media: the photos.
        num_views: int >= 1, of each photo: itself and `num_views - 1` variations. 1 for training
            without augmentation.
        seed: int >= 0, for the variations. They depend on seed, photo and view alone.
        augment: varies a photo uint8 [224, 224, 3], given a generator. Default: `augment_photo`.
        stored_as: "float16" takes half the room and rounds each feature by at most 0.0005 of itself
            (by 3e-8 below 6e-5); a photo whose features are too large or too small for that is
            stored as float32 all the same. "float32" is exact.
        store: where features are kept. Default: the user's cache.
        progress: whether to show a bar.

    Returns:
        `FrozenFeatures`, in the order of `media.images`.

    Raises:
        ValueError: an option is out of range, or the trunk gives NaN or infinity.
        OSError: the disk is full or not writable.
    """
    if num_views < 1:
        raise ValueError(f"Expected num_views >= 1, received {num_views}.")
    if seed < 0:
        raise ValueError(f"Expected seed >= 0, received {seed}.")
    if stored_as not in ("float16", "float32"):
        raise ValueError(f"Expected stored_as 'float16' or 'float32', received {stored_as!r}.")
    store = store or FeatureStore()
    made_by = hashlib.sha256(
        f"{trunk_fingerprint(frozen.trunk)} {_augmentation_fingerprint(augment)} {num_views} {seed} "
        f"{stored_as} {FEATURES_VERSION}".encode()
    ).hexdigest()[:24]
    _say_how_much(frozen, len(media.images), num_views, stored_as, store)
    features_of = partial(
        _features_of,
        trunk=frozen.trunk,
        views=partial(_draw_views, num_views=num_views, seed=seed, augment=augment),
        stored_as=stored_as,
    )
    files = tqdm(media.images, "frozen features", unit="photo", disable=not progress)
    paths = [
        store.get(f"{file.content}-trunk-{made_by}", partial(features_of, file)) for file in files
    ]
    return FrozenFeatures(paths, frozen.feature_shape)


def trunk_fingerprint(trunk: keras.Model) -> str:
    """A short name of what a trunk computes, the same in every process: part of stored features' key.

    Made from the exact weights, the precision it computes with, and its features of a fixed photo. The
    latter are rounded, so that the float noise of another processor seldom matters: that would only
    cost computing again.

    Args:
        trunk: float32 [batch, 224, 224, 3] -> features [batch, ...].

    Returns:
        16 hexadecimal characters.
    """
    photo = np.random.default_rng(0).random((1, *IMAGE_SIZE, 3), dtype=np.float32)
    features = np.asarray(trunk(photo, training=False), np.float64)
    norm = float(np.linalg.norm(features))
    weightings = np.cos(np.outer(np.sqrt([2, 3, 5, 7]), np.arange(features.size)))
    sums = np.round(weightings @ features.ravel() / (norm or 1.0), 2) + 0.0  # no -0.0
    digest = hashlib.sha256(
        f"{features.shape} {norm:.2e} {sums.tolist()} {precision_of(trunk)}".encode()
    )
    for weight in trunk.weights:
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()[:16]


def _augmentation_fingerprint(augment: VaryPhoto) -> str:
    """Names what an augmentation does: another one, or another version of it, gives other variations."""
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (*IMAGE_SIZE, 3), np.uint8)
    digest = hashlib.sha256()
    for _ in range(4):
        digest.update(np.ascontiguousarray(augment(photo, rng)).tobytes())
    return digest.hexdigest()


def _say_how_much(
    frozen: FrozenTrunk, num_photos: int, num_views: int, stored_as: StoredAs, store: FeatureStore
) -> None:
    num_features = num_photos * num_views * int(np.prod(frozen.feature_shape))
    logger.info(
        "Features %s of %d photos, %d views of each: %.1f MB in '%s'.",
        *(list(frozen.feature_shape), num_photos, num_views),
        *(num_features * np.dtype(stored_as).itemsize / 1e6, store.directory),
    )


def _draw_views(file: PreparedFile, *, num_views: int, seed: int, augment: VaryPhoto) -> np.ndarray:
    """A photo and its variations, uint8 [num_views, 224, 224, 3]."""
    photo = np.asarray(file.feature())
    content = int.from_bytes(hashlib.sha256(file.content.encode()).digest()[:8])
    rngs = (np.random.default_rng((seed, content, view)) for view in range(1, num_views))
    return np.stack([photo, *(augment(photo, rng) for rng in rngs)])


def _features_of(
    file: PreparedFile,
    *,
    trunk: keras.Model,
    views: Callable[[PreparedFile], np.ndarray],
    stored_as: StoredAs,
) -> np.ndarray:
    """Features [num_views, *feature_shape] of a photo's views; all zeros of an absent one and no other."""
    photos = views(file)
    features = np.array(trunk.predict_on_batch(scale_photos(photos)), np.float32)
    if not np.isfinite(features).all():
        raise ValueError(
            f"The frozen part of the image branch gives NaN or infinity for '{file.path}'. Expected "
            "finite features. Its weights may be damaged or of another network: load them again."
        )
    stored = _compact(features) if stored_as == "float16" else features
    for photo, one in zip(photos, stored, strict=True):
        if not photo.any():
            one[...] = 0
        elif not one.any():
            one.flat[0] = np.finfo(stored.dtype).tiny
    return stored


def _compact(features: np.ndarray) -> np.ndarray:
    """The features as float16, or as they are if float16 cannot hold them: too large, or all too small."""
    with np.errstate(over="ignore"):
        compact = features.astype(np.float16)
    error = np.abs(compact.astype(np.float32) - features).max()
    return compact if error <= FLOAT16_ERROR * np.abs(features).max() else features
