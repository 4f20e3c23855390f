"""The image branch: each backbone with its own pixels, and only what is meant to learn learns."""

from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest

from fused_encoder import IMAGE_BACKBONES, create_fused_encoder
from fused_encoder.image_branch import (
    _PRETRAINED,
    PixelScaling,
    image_features,
    image_input,
    pooled_image,
    small_cnn,
)
from fused_encoder.weights import MissingWeightsError

KERAS_MODULES = {
    "vgg16": "vgg16",
    "resnet50": "resnet",
    "densenet121": "densenet",
    "efficientnet_b0": "efficientnet",
    "efficientnet_b3": "efficientnet",
    "inception_v3": "inception_v3",
    "mobilenet_v2": "mobilenet_v2",
}


def _branch(backbone="mobilenet_v2", *, weights=None, trainable="auto") -> keras.Model:
    image = image_input()
    pooled = pooled_image(image, backbone, weights=weights, trainable=trainable)
    return keras.Model(image, image_features(pooled))


@cache
def _partly_frozen(name: str) -> keras.Model:
    return _branch(name, trainable="last_block")


def _names_of_trained_layers(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers if layer.trainable_weights]


@pytest.fixture(scope="module")
def vgg16_weights(tmp_path_factory) -> Path:
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


def test_pixels_are_scaled_inside_the_network():
    scaling = _branch("mobilenet_v2").get_layer("image_scaling")
    assert scaling.get_config()["scale"] == "symmetric"


def test_unit_pixels_are_left_alone_and_unknown_scales_refused():
    image = np.random.default_rng(0).uniform(0, 1, (1, 4, 4, 3)).astype(np.float32)
    np.testing.assert_array_equal(PixelScaling("unit")(image), image)
    with pytest.raises(ValueError, match="Expected a known pixel scale, received scale='caffe'"):
        PixelScaling("caffe")


@pytest.mark.parametrize("name", IMAGE_BACKBONES)
def test_every_backbone_gives_512_features(name):
    assert _partly_frozen(name).output_shape == (None, 512)


def test_a_photo_becomes_features_that_are_not_negative():
    image = np.random.default_rng(0).uniform(0, 1, (2, 224, 224, 3)).astype(np.float32)
    features = _branch("small_cnn")(image).numpy()
    assert features.shape == (2, 512)
    assert features.min() == 0 < features.max()


def test_small_cnn_has_the_documented_form():
    assert small_cnn().output_shape == (None, 192)


def test_a_keras_model_may_be_the_backbone():
    image = keras.Input((224, 224, 3))
    backbone = keras.Model(image, keras.layers.Conv2D(4, 16, 16)(image), name="mine")
    encoder = create_fused_encoder(image_backbone=backbone)  # "imagenet" is not for it: ignored
    assert encoder.get_layer("mine") is backbone
    assert encoder.get_layer("image_pool").output.shape == (None, 4)


def test_a_callable_may_be_the_backbone():
    def backbone(image: keras.KerasTensor) -> keras.KerasTensor:
        return keras.layers.GlobalMaxPooling2D(name="mine")(image)

    assert _branch(backbone).get_layer("image_features").count_params() == 4 * 512


def test_a_backbone_that_gives_neither_map_nor_vector_is_refused():
    with pytest.raises(ValueError, match=r"received one that gives \(None, 224, 672\)"):
        _branch(keras.layers.Reshape((224, 672)))


def test_an_unknown_backbone_is_refused_with_the_known_ones():
    with pytest.raises(
        ValueError, match=r"Unknown image_backbone 'vgg17'\. Expected one of vgg16, res"
    ):
        create_fused_encoder(image_backbone="vgg17")


def test_small_cnn_has_no_pretrained_weights():
    with pytest.raises(
        ValueError, match=r"'small_cnn' has no pretrained weights, received 'imagenet'"
    ):
        create_fused_encoder(image_backbone="small_cnn")


def test_unknown_ways_of_training_are_refused():
    with pytest.raises(ValueError, match=r"image_trainable to be 'auto', .* received 'top'"):
        create_fused_encoder(image_weights=None, image_trainable="top")


def test_weights_that_are_nowhere_are_named(tmp_path):
    with pytest.raises(MissingWeightsError, match=r"no weights of 'vgg16' at '.*gone\.h5'"):
        create_fused_encoder(image_weights=tmp_path / "gone.h5")


def test_another_networks_weights_are_refused(vgg16_weights):
    with pytest.raises(ValueError, match="does not hold the weights of 'mobilenet_v2'"):
        _branch("mobilenet_v2", weights=vgg16_weights)


def test_weights_from_a_file_are_in_the_network(vgg16_weights):
    network = _branch("vgg16", weights=vgg16_weights).get_layer("vgg16")
    expected = keras.saving.load_model(vgg16_weights, compile=False).get_weights()
    for value, wanted in zip(network.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(value, wanted)


def test_with_weights_only_the_last_block_of_vgg16_is_trained(vgg16_weights):
    branch = _branch("vgg16", weights=vgg16_weights)
    names = _names_of_trained_layers(branch.get_layer("vgg16"))
    assert names == ["block5_conv1", "block5_conv2", "block5_conv3"]
    assert "image_features" in _names_of_trained_layers(branch)


def test_without_weights_all_of_vgg16_is_trained():
    assert len(_names_of_trained_layers(_branch("vgg16").get_layer("vgg16"))) == 13


@pytest.mark.parametrize(("trainable", "num_layers"), [("none", 0), ("last_block", 3), ("all", 13)])
def test_what_is_trained_can_be_chosen(vgg16_weights, trainable, num_layers):
    branch = _branch("vgg16", weights=vgg16_weights, trainable=trainable)
    assert len(_names_of_trained_layers(branch.get_layer("vgg16"))) == num_layers
    assert branch.get_layer("image_features").trainable_weights


@pytest.mark.parametrize("name", [*KERAS_MODULES, "small_cnn"])
def test_a_partly_frozen_backbone_trains_its_end_and_keeps_its_statistics(name):
    layers = _partly_frozen(name).get_layer(name).layers
    norms = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert not any(layer.trainable for layer in norms)
    trained = [index for index, layer in enumerate(layers) if layer.trainable_weights]
    assert trained
    assert trained[0] > len(layers) / 2
    assert len(trained) < sum(bool(layer.weights) for layer in layers) / 2


@pytest.mark.parametrize("trainable", ["none", "last_block"])
def test_frozen_statistics_stay_in_training(trainable):
    branch = _branch("mobilenet_v2", trainable=trainable)
    norm = branch.get_layer("mobilenet_v2").get_layer("Conv_1_bn")
    before = norm.moving_mean.numpy()
    branch(np.ones((2, 224, 224, 3), np.float32), training=True)
    np.testing.assert_array_equal(norm.moving_mean, before)


@pytest.mark.parametrize(
    ("trainable", "expected"),
    [
        ("none", []),
        ("last_block", ["stage4_conv"]),
        ("auto", [f"stage{stage}_conv" for stage in (1, 2, 3, 4)]),
    ],
)
def test_what_is_trained_of_small_cnn_can_be_chosen_too(trainable, expected):
    network = _branch("small_cnn", trainable=trainable).get_layer("small_cnn")
    assert [name for name in _names_of_trained_layers(network) if "conv" in name] == expected


def test_frozen_dropout_of_a_backbone_is_off():
    model = _partly_frozen("efficientnet_b0")
    dropouts = [
        layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.Dropout)
    ]
    assert dropouts
    assert all(layer.rate == 0 for layer in dropouts if not layer.trainable)
