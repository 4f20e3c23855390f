"""Frozen features: what the frozen trunk makes of each photo, computed once; training starts behind it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from fused_encoder.encoder import behind_trunk
from training.options import TrainingOptions
from triplets.features import FEATURES_VERSION
from triplets.photos import PhotoSource, StoredPhotos, augment_photo, scale_photos
from triplets.prepared import PreparedFile, PreparedMedia
from triplets.store import FeatureStore, load_feature

StoredAs = Literal["float16", "float32"]
FLOAT16_ERROR = 2.0**-11  # of rounding to the nearest float16, relative
AUGMENTED_VIEWS = 4  # of each photo, itself among them


@dataclass(frozen=True)
class TrainedPart:
    """What of an encoder is trained, and on which photos."""

    encoder: keras.Model  # the whole encoder, or the part behind its frozen trunk
    photos: PhotoSource  # what its `image_input` takes: photos, or the trunk's features
    held_out_photos: PhotoSource | None  # the same of the held-out files
    augment: bool  # whether photos are varied


def trained_part(
    encoder: keras.Model,
    training: PreparedMedia,
    held_out: PreparedMedia | None,
    options: TrainingOptions,
    store: FeatureStore | None,
    progress: bool,
) -> TrainedPart:
    """The part behind the frozen trunk with the features it takes, or the whole encoder if none is frozen."""
    trunk = next((layer for layer in encoder.layers if layer.name == "image_trunk"), None)
    has_frozen = trunk is not None and bool(trunk.weights)
    is_backbone_frozen = trunk is not None and has_frozen and len(trunk.output.shape) == 2
    augment = not is_backbone_frozen if options.augment is None else options.augment
    if trunk is None or not (has_frozen and options.cache_frozen):
        held_out_photos = None if held_out is None else StoredPhotos(held_out)
        photos = StoredPhotos(training, partial(augment_photo, flip=options.flip))
        return TrainedPart(encoder, photos, held_out_photos, augment)
    freeze = partial(freeze_photos, trunk, store=store, progress=progress)
    return TrainedPart(
        behind_trunk(encoder),
        freeze(training, num_views=AUGMENTED_VIEWS if augment else 1, flip=options.flip),
        None if held_out is None else freeze(held_out, num_views=1),
        augment,
    )


class FrozenFeatures:
    """Features of photos behind a frozen trunk: a `PhotoSource`, for training what is behind it.

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
        """The features of a photo's view that is drawn from `rng`, or of the photo as it is (None)."""
        views = load_feature(self.paths[image_index])
        view = 0 if rng is None else int(rng.integers(len(views)))
        return np.array(views[view], self.dtype)


def freeze_photos(
    trunk: keras.Model,
    media: PreparedMedia,
    *,
    num_views: int = 1,
    flip: bool = True,
    stored_as: StoredAs = "float16",
    store: FeatureStore | None = None,
    progress: bool = True,
) -> FrozenFeatures:
    """Runs each photo, and variations of it, through a frozen trunk, unless the store has it already.

    A photo's features are kept under its content and all that they depend on: the trunk's weights and
    wiring and the number of views. An interrupted run goes on where it stopped.

    Args:
        trunk: the encoder's layer `image_trunk`.
        media: the photos.
        num_views: int >= 1, of each photo: itself and `num_views - 1` variations by `augment_photo`,
            which depend on photo and view alone.
        flip: whether variations may be flipped left to right.
        stored_as: "float16" takes half the room and rounds each feature by at most 0.0005 of itself
            (by 3e-8 below 6e-5); a photo whose features are too large or too small for that is
            stored as float32 all the same. "float32" is exact.
        store: where features are kept. Default: the user's cache.
        progress: whether to show a bar.

    Returns:
        `FrozenFeatures`, in the order of `media.images`.

    Raises:
        ValueError: the trunk gives NaN or infinity.
        OSError: the disk is full or not writable.
    """
    store = store or FeatureStore()
    feature_shape = tuple(trunk.output.shape[1:])
    settings: tuple[object, ...] = (
        frozen_fingerprint(trunk),
        num_views,
        stored_as,
        FEATURES_VERSION,
    )
    if not flip:
        settings = (*settings, "unflipped")
    made_by = hashlib.sha256(repr(settings).encode()).hexdigest()[:24]
    see = tf.function(partial(trunk, training=False), reduce_retracing=True)
    paths = [
        store.get(
            f"{file.content}-trunk-{made_by}",
            partial(_features, see, file, num_views, flip, stored_as),
        )
        for file in tqdm(media.images, "frozen features", unit="photo", disable=not progress)
    ]
    return FrozenFeatures(paths, feature_shape)


def frozen_fingerprint(model: keras.Model) -> str:
    """Names what training leaves as it is, a model's wiring and its frozen weights: 16 hexadecimal digits."""
    wiring = json.dumps(model.get_config(), sort_keys=True, default=str)
    wiring = re.sub(r'_\d+(CLONE)?"', '"', wiring)  # Keras numbers what has no name of its own
    digest = hashlib.sha256(wiring.encode())
    frozen = [layer for layer in model._flatten_layers() if not layer.trainable]
    for weight in {id(weight): weight for layer in frozen for weight in layer.weights}.values():
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()[:16]


def _features(
    see: Callable[[tf.Tensor], tf.Tensor],
    file: PreparedFile,
    num_views: int,
    flip: bool,
    stored_as: StoredAs,
) -> np.ndarray:
    """Features [num_views, *feature_shape] of a photo's views; all zeros of an absent one and no other."""
    photo = np.asarray(file.feature())
    content = int.from_bytes(hashlib.sha256(file.content.encode()).digest()[:8])
    rngs = (np.random.default_rng((content, view)) for view in range(1, num_views))
    photos = np.stack([photo, *(augment_photo(photo, rng, flip=flip) for rng in rngs)])
    features = np.array(see(tf.constant(scale_photos(photos))), np.float32)
    if not np.isfinite(features).all():
        raise ValueError(
            f"The frozen part of the image branch gives NaN or infinity for '{file.path}'. Expected "
            "finite features. Its weights may be damaged or of another network: load them again."
        )
    stored = _compact(features) if stored_as == "float16" else features
    for view, one in zip(photos, stored, strict=True):
        if not view.any():
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
