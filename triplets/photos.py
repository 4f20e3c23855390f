"""Photos of a dataset: as pixels, lightly varied, or as features of a frozen trunk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import cv2
import numpy as np

from fused_encoder.photo import IMAGE_SIZE
from triplets.prepared import PreparedMedia

VaryPhoto = Callable[[np.ndarray, np.random.Generator], np.ndarray]

MAX_ZOOM = 0.25
MAX_SHIFT = 0.08
MAX_TILT_DEGREES = 8.0
MAX_CONTRAST = 0.25
MAX_BRIGHTNESS = 30


def augment_photo(photo: np.ndarray, rng: np.random.Generator, *, flip: bool = True) -> np.ndarray:
    """A photo flipped by chance, zoomed in by up to a quarter, shifted, tilted, and lit otherwise.

    What comes into view at the edges is mirrored from inside. An absent photo (all zeros) stays absent.

    Args:
        photo: uint8 [height, width, 3], RGB.
        rng: where the variation is drawn from.
        flip: whether half of the photos are flipped left to right. Without it, where flanks differ.

    Returns:
        uint8 [height, width, 3], RGB.
    """
    if not photo.any():
        return photo
    height, width = photo.shape[:2]
    tilt, zoom, mirror, contrast, brightness, *shift = rng.uniform(-1, 1, 7)
    turn = cv2.getRotationMatrix2D(
        (width / 2, height / 2), MAX_TILT_DEGREES * tilt, 1 + MAX_ZOOM * abs(zoom)
    )
    turn[:, 2] += MAX_SHIFT * np.array([width, height]) * shift
    if flip and mirror > 0:
        turn = turn @ np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1.0]])
    varied = cv2.warpAffine(
        photo, turn, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    gain = 1 + MAX_CONTRAST * contrast
    offset = varied.mean() * (1 - gain) + MAX_BRIGHTNESS * brightness
    levels = np.clip(
        np.arange(256) * gain + offset, 1, 255
    )  # 1: never all zeros, which is "absent"
    return cv2.LUT(varied, levels.astype(np.uint8))


class PhotoSource(Protocol):
    """Gives the photos of a `PreparedMedia`, by their place in `media.images`.

    Args:
        shape: of one item, such as (224, 224, 3) or (1280,).
        dtype: uint8 for pixels, which a dataset scales to [0, 1]; float16 or float32 for features,
            which it takes as they are.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...  # noqa: D102 - the class says what it is

    @property
    def dtype(self) -> np.dtype: ...  # noqa: D102

    def load(self, image_index: int, rng: np.random.Generator | None) -> np.ndarray:
        """One item, of `shape` and `dtype`.

        Args:
            image_index: int, into `media.images`.
            rng: where a random variation is drawn from; None for the photo as it is.
        """
        ...


class StoredPhotos:
    """The photos of a `PreparedMedia` as they lie in the feature store, varied when asked to be.

    Args:
        media: the photos.
        augment: varies a photo uint8 [224, 224, 3], given a generator. Default: `augment_photo`.
    """

    def __init__(self, media: PreparedMedia, augment: VaryPhoto = augment_photo) -> None:
        self.shape: tuple[int, ...] = (*IMAGE_SIZE, 3)
        self.dtype = np.dtype(np.uint8)
        self._images = media.images
        self._augment = augment

    def load(self, image_index: int, rng: np.random.Generator | None) -> np.ndarray:
        """One photo, uint8 [224, 224, 3], RGB: memory-mapped as stored, or a variation of it.

        Args:
            image_index: int, into `media.images`.
            rng: where the variation is drawn from; None for the photo as it is.
        """
        photo = self._images[image_index].feature()
        return photo if rng is None else self._augment(np.asarray(photo), rng)


def load_photos(
    photos: PhotoSource, image_indices: np.ndarray, rng: np.random.Generator | None
) -> np.ndarray:
    """Several items as one array, of the source's dtype, [num_items, *shape].

    Args:
        photos: where they come from.
        image_indices: int [num_items]; -1 is an absent photo: all zeros.
        rng: where random variations are drawn from; None for the photos as they are.
    """
    items = np.zeros((len(image_indices), *photos.shape), photos.dtype)
    for item, index in zip(items, image_indices, strict=True):
        if index >= 0:
            item[...] = photos.load(int(index), rng)
    return items


def small_photos(photos: Sequence[np.ndarray], side: int) -> np.ndarray:
    """Photos reduced to a few pixels, less their mean: what they show without any training.

    Args:
        photos: uint8 [height, width, 3] each, RGB.
        side: int >= 1, pixels.

    Returns:
        float32 [num_photos, side * side * 3], pixel by pixel.
    """
    small = [
        cv2.resize(np.asarray(photo), (side, side), interpolation=cv2.INTER_AREA)
        for photo in photos
    ]
    flat = np.array(small, np.float32).reshape(len(small), side * side * 3)
    return flat - flat.mean(axis=1, keepdims=True)


def scale_photos(items: np.ndarray) -> np.ndarray:
    """What an encoder's `image_input` takes: pixels in [0, 1], features as they are, float32.

    Args:
        items: uint8 pixels or float16/float32 features, of any shape.
    """
    scale = 255.0 if items.dtype == np.uint8 else 1.0
    return items.astype(np.float32) / np.float32(scale)
