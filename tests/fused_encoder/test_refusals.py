"""What no encoder can be made of, or shown."""

import keras
import numpy as np
import pytest

from fused_encoder import create_fused_encoder
from fused_encoder.fusion import MissingModality
from fused_encoder.image_branch import PixelScaling
from fused_encoder.photo import BlackPhotoError, prepare_photo
from fused_encoder.photo_views import PhotoViews
from fused_encoder.weights import MissingWeightsError


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"embedding_size": 0}, ValueError, "Expected embedding_size >= 1, received 0"),
        ({"audio_size": -3}, ValueError, "Expected audio_size >= 1, received -3"),
        ({"modality_dropout": 1}, ValueError, r"modality dropout\) in \[0, 1\), received 1"),
        ({"fusion": "sum"}, ValueError, "Expected fusion to be one of"),
        ({"photo_views": "two"}, ValueError, r"one of \('one', 'zooms', .*\), received 'two'"),
        ({"image_trainable": "top"}, ValueError, r"to be 'auto', .* received 'top'"),
        ({"image_backbone": "vgg17"}, ValueError, r"Unknown .* 'vgg17'\. Expected one of vgg16"),
        ({"image_weights": "imagenet"}, ValueError, "'small_cnn' has no pretrained weights, rec"),
        (
            {"image_backbone": "vgg16", "image_weights": "gone.h5"},
            MissingWeightsError,
            r"no weights of 'vgg16' at '.*gone\.h5'",
        ),
        (
            {"image_backbone": keras.layers.Reshape((224, 672))},
            ValueError,
            r"received one that gives \(None, 224, 672\)",
        ),
    ],
)
def test_an_encoder_that_cannot_be_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        create_fused_encoder(**{"image_backbone": "small_cnn", "image_weights": None} | options)


@pytest.mark.parametrize(
    ("make", "values", "message"),
    [
        (PixelScaling, ["caffe"], "Expected a known pixel scale, received scale='caffe'"),
        (PhotoViews, [(), (0.0,), (1.2,)], r"zooms in \(0, 1\], at least one, received"),
        (MissingModality, [-0.1, 1, float("nan")], r"\(modality dropout\) in \[0, 1\), received"),
        (
            prepare_photo,
            [np.ones((5, 5), np.uint8), np.ones((5, 5, 3), np.float32)],
            r"an image as uint8 \[height, width, 3\], received",
        ),
    ],
)
def test_a_part_is_named_with_what_it_needs(make, values, message):
    for value in values:
        with pytest.raises(ValueError, match=message):
            make(value)


def test_a_black_photo_is_refused_because_zeros_mean_absent():
    with pytest.raises(BlackPhotoError, match=r"entirely black\. Leave it out: all zeros mean"):
        prepare_photo(np.zeros((50, 60, 3), np.uint8))
