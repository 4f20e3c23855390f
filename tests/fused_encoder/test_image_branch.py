"""The image branch: each backbone with its own pixels, and only what is meant to learn learns."""

import keras
import numpy as np
import pytest

from fused_encoder import create_fused_encoder
from fused_encoder.image_branch import (
    _PRETRAINED,
    PixelScaling,
    image_input,
    image_trunk_and_head,
)

KERAS_MODULES = {
    "vgg16": "vgg16",
    "resnet50": "resnet",
    "densenet121": "densenet",
    "efficientnet_b0": "efficientnet",
    "efficientnet_b3": "efficientnet",
    "inception_v3": "inception_v3",
    "mobilenet_v2": "mobilenet_v2",
}


def _branch(backbone="mobilenet_v2", *, weights=None, trainable="auto", **options) -> keras.Model:
    trunk, head = image_trunk_and_head(backbone, weights=weights, trainable=trainable, **options)
    image = image_input()
    return keras.Model(image, head(trunk(image)))


def _layer(model: keras.Model, name: str) -> keras.Layer:
    """A layer, wherever in the model it stands."""
    return next(layer for layer in model._flatten_layers() if layer.name == name)


def _names_of_trained_layers(model: keras.Model) -> list[str]:
    layers = [layer for layer in model._flatten_layers() if not hasattr(layer, "layers")]
    return [layer.name for layer in layers if layer.trainable_weights]


@pytest.fixture(scope="module")
def vgg16_weights(tmp_path_factory):
    """Random numbers in the layout of the published VGG16 file."""
    path = tmp_path_factory.mktemp("weights") / "vgg16.h5"
    keras.applications.VGG16(include_top=False, weights=None).save(path)
    return path


@pytest.mark.parametrize("name", KERAS_MODULES)
def test_pixels_are_what_keras_feeds_to_each_backbone(name):
    image = np.random.default_rng(0).uniform(0, 1, (2, 5, 7, 3)).astype(np.float32)
    preprocess = getattr(keras.applications, KERAS_MODULES[name]).preprocess_input
    scaling = PixelScaling(_PRETRAINED[name].pixel_scale)
    np.testing.assert_allclose(scaling(image), preprocess(image * 255), rtol=1e-5, atol=1e-4)


def test_unit_pixels_are_left_alone():
    image = np.random.default_rng(0).uniform(0, 1, (1, 4, 4, 3)).astype(np.float32)
    np.testing.assert_array_equal(PixelScaling("unit")(image), image)


def test_a_keras_model_may_be_the_backbone():
    image = keras.Input((224, 224, 3))
    backbone = keras.Model(image, keras.layers.Conv2D(4, 16, 16)(image), name="mine")
    encoder = create_fused_encoder(image_backbone=backbone)  # "imagenet" is not for it: ignored
    assert encoder.get_layer("image_head").get_layer("mine") is backbone
    assert encoder.get_layer("image_head").get_layer("image_pool").output.shape == (None, 4)
    backbone.trainable = False
    encoder = create_fused_encoder(image_backbone=backbone)
    assert encoder.get_layer("image_trunk").output.shape == (None, 4)


def test_a_callable_may_be_the_backbone():
    def backbone(image: keras.KerasTensor) -> keras.KerasTensor:
        return keras.layers.GlobalMaxPooling2D(name="mine")(image)

    assert _layer(_branch(backbone), "image_features").count_params() == 4 * 512


def test_another_networks_weights_are_refused(vgg16_weights):
    with pytest.raises(ValueError, match="does not hold the weights of 'mobilenet_v2'"):
        _branch("mobilenet_v2", weights=vgg16_weights)


def test_weights_from_a_file_are_in_the_network(vgg16_weights):
    network = _layer(_branch("vgg16", weights=vgg16_weights, trainable="all"), "vgg16")
    expected = keras.saving.load_model(vgg16_weights, compile=False).get_weights()
    for value, wanted in zip(network.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(value, wanted)


@pytest.mark.parametrize(
    ("trainable", "num_layers"), [("none", 0), ("auto", 3), ("last_block", 3), ("all", 13)]
)
def test_with_weights_the_last_block_is_trained(vgg16_weights, trainable, num_layers):
    names = _names_of_trained_layers(_branch("vgg16", weights=vgg16_weights, trainable=trainable))
    assert "image_features" in names
    assert len(names) == 1 + num_layers
    if num_layers == 3:
        assert {"block5_conv1", "block5_conv2", "block5_conv3"} < set(names)


@pytest.mark.parametrize(
    ("name", "trainable", "shape"),
    [
        ("small_cnn", "none", (192,)),
        ("small_cnn", "last_block", (14, 14, 96)),
        ("small_cnn", "all", (224, 224, 3)),
        ("vgg16", "last_block", (14, 14, 512)),
        ("resnet50", "last_block", (14, 14, 1024)),
        ("densenet121", "last_block", (14, 14, 1024)),
        ("efficientnet_b0", "last_block", (7, 7, 192)),
        ("efficientnet_b3", "last_block", (7, 7, 232)),
        ("inception_v3", "last_block", (5, 5, 1280)),
        ("mobilenet_v2", "last_block", (7, 7, 160)),
        ("mobilenet_v2", "none", (1280,)),
    ],
)
def test_the_trunk_is_what_is_frozen_and_the_head_what_is_trained(name, trainable, shape):
    trunk, head = image_trunk_and_head(name, weights=None, trainable=trainable)
    assert trunk.output.shape[1:] == shape
    assert not trunk.trainable_weights
    assert len(head.trainable_weights) > 2 or trainable == "none"


def test_several_views_of_a_photo_stand_in_the_trunk_together_or_not_at_all():
    shapes = [
        image_trunk_and_head("small_cnn", weights=None, trainable=trainable, views="zooms")[
            0
        ].output.shape
        for trainable in ("none", "last_block")
    ]
    assert shapes == [(None, 192), (None, 224, 224, 3)]


@pytest.mark.parametrize("trainable", ["none", "last_block"])
def test_frozen_statistics_stay_in_training(trainable):
    branch = _branch("mobilenet_v2", trainable=trainable)
    norm = _layer(branch, "Conv_1_bn")
    before = norm.moving_mean.numpy()
    branch(np.ones((2, 224, 224, 3), np.float32), training=True)
    np.testing.assert_array_equal(norm.moving_mean, before)


@pytest.mark.parametrize("trainable", ["none", "last_block"])
def test_frozen_dropout_of_a_backbone_is_off(trainable):
    image = np.random.default_rng(0).uniform(0, 1, (2, 224, 224, 3)).astype(np.float32)
    trunk, _ = image_trunk_and_head("efficientnet_b0", weights=None, trainable=trainable)
    photo = image_input()
    branch = keras.Model(photo, trunk(photo))
    np.testing.assert_array_equal(branch(image, training=True), branch(image, training=False))
