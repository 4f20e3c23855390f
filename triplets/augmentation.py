"""Augmentation: light variations of photos that leave the animal recognisable."""

import cv2
import numpy as np

MAX_ZOOM = 0.25
MAX_SHIFT = 0.08
MAX_TILT_DEGREES = 8.0
MAX_CONTRAST = 0.25
MAX_BRIGHTNESS = 30


def augment_photo(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A photo mirrored by chance, zoomed in by up to a quarter, shifted, tilted, and lit otherwise.

    What comes into view at the edges is mirrored from inside. An absent photo (all zeros) stays absent.

    Args:
        photo: uint8 [height, width, 3], RGB.
        rng: where the variation is drawn from.

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
    if mirror > 0:
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
