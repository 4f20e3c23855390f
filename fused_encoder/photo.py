"""From a photo to what the encoder sees: the one place where an image becomes an input.

Training and inference both call `prepare_photo`, as they call `extract_audio_sequence` for sound.
"""

from __future__ import annotations

import numpy as np

from media import resize_image

IMAGE_SIZE = (224, 224)
"""Height and width in pixels of what the encoder sees."""


class BlackPhotoError(ValueError):
    """A photo is entirely black, which the encoder would take for "no photo"."""


def prepare_photo(image: np.ndarray) -> np.ndarray:
    """A photo in the size that the encoder sees.

    Args:
        image: uint8 [height, width, 3], RGB.

    Returns:
        uint8 [224, 224, 3], RGB.

    Raises:
        BlackPhotoError: every pixel is 0.
        ValueError: not uint8 [height, width, 3].
    """
    photo = resize_image(image, IMAGE_SIZE)
    if not photo.any():
        raise BlackPhotoError(
            "Expected a photo, received one that is entirely black. Leave it out: all zeros mean 'no photo'."
        )
    return photo
