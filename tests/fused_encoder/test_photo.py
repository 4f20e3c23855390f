"""From a photo to what the encoder sees."""

import numpy as np
import pytest

from fused_encoder.photo import BlackPhotoError, prepare_photo


def test_a_photo_gets_the_encoders_size():
    photo = prepare_photo(np.full((300, 400, 3), 7, np.uint8))
    assert photo.shape == (224, 224, 3)
    assert (photo == 7).all()


def test_a_black_photo_is_refused_because_zeros_mean_absent():
    with pytest.raises(BlackPhotoError, match=r"entirely black\. Leave it out: all zeros mean"):
        prepare_photo(np.zeros((50, 60, 3), np.uint8))


@pytest.mark.parametrize("image", [np.ones((5, 5), np.uint8), np.ones((5, 5, 3), np.float32)])
def test_what_is_no_rgb_photo_is_refused(image):
    with pytest.raises(ValueError, match=r"an image as uint8 \[height, width, 3\], received"):
        prepare_photo(image)
