"""The image branch: a backbone by name, with the pixel scaling it was trained with inside the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import keras
from keras import ops

from fused_encoder.direction import centred_direction
from fused_encoder.photo import IMAGE_SIZE
from fused_encoder.photo_views import AverageViews, PhotoViews
from fused_encoder.weights import load_image_backbone_weights

IMAGE_FEATURES_SIZE = 512
KEEPING_GAIN = 10.0  # measured: docs/decisions.md

PixelScale = Literal["unit", "symmetric", "imagenet", "imagenet_bgr", "byte"]
ImageTrainable = Literal["auto", "none", "last_block", "all"]
PhotoViewsName = Literal["one", "zooms"]


@dataclass(frozen=True)
class _Backbone:
    constructor: str  # in keras.applications
    pixel_scale: PixelScale
    last_block: str  # the first layer that is trained when only the last block is


_PRETRAINED = {
    "vgg16": _Backbone("VGG16", "imagenet_bgr", "block5_conv1"),
    "resnet50": _Backbone("ResNet50", "imagenet_bgr", "conv5_block1_1_conv"),
    "densenet121": _Backbone("DenseNet121", "imagenet", "pool4_bn"),
    "efficientnet_b0": _Backbone("EfficientNetB0", "byte", "block7a_expand_conv"),
    "efficientnet_b3": _Backbone("EfficientNetB3", "byte", "block7a_expand_conv"),
    "inception_v3": _Backbone("InceptionV3", "symmetric", "mixed8"),
    "mobilenet_v2": _Backbone("MobileNetV2", "symmetric", "block_14_expand"),
}

IMAGE_BACKBONES: tuple[str, ...] = (*_PRETRAINED, "small_cnn")
"""Names that `create_fused_encoder(image_backbone=...)` knows."""


@keras.saving.register_keras_serializable(package="fused_encoder")
class PixelScaling(keras.layers.Layer):
    """RGB in [0, 1] becomes the pixels a backbone was trained on.

    Args:
        scale: "unit" leaves [0, 1]; "symmetric" gives [-1, 1]; "byte" gives [0, 255]; "imagenet"
            subtracts ImageNet's mean and divides by its standard deviation; "imagenet_bgr" gives BGR
            in [0, 255] less ImageNet's mean (the Caffe convention of VGG16 and ResNet50).

    Input shape:
        float32 [batch, height, width, 3], RGB in [0, 1].
    Output shape:
        The same.
    Reference:
        `keras.applications.imagenet_utils.preprocess_input`, whose modes these are.
    """

    def __init__(self, scale: PixelScale = "unit", **kwargs: object) -> None:
        super().__init__(**kwargs)
        if scale not in ("unit", "symmetric", "imagenet", "imagenet_bgr", "byte"):
            raise ValueError(f"Expected a known pixel scale, received scale={scale!r}.")
        self.scale = scale

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        if self.scale == "symmetric":
            return inputs * 2.0 - 1.0
        if self.scale == "byte":
            return inputs * 255.0
        if self.scale == "imagenet":
            mean = ops.convert_to_tensor([0.485, 0.456, 0.406], dtype=inputs.dtype)
            deviation = ops.convert_to_tensor([0.229, 0.224, 0.225], dtype=inputs.dtype)
            return (inputs - mean) / deviation
        if self.scale == "imagenet_bgr":
            mean = ops.convert_to_tensor([103.939, 116.779, 123.68], dtype=inputs.dtype)
            return ops.flip(inputs, axis=-1) * 255.0 - mean
        return inputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "scale": self.scale}


def image_input() -> keras.KerasTensor:
    """A symbolic photo: float32 [batch, 224, 224, 3], RGB in [0, 1]."""
    return keras.Input((*IMAGE_SIZE, 3), name="image_input")


def pooled_image(
    image: keras.KerasTensor,
    backbone: str | keras.Model | Callable[[keras.KerasTensor], keras.KerasTensor],
    *,
    weights: str | Path | None,
    trainable: ImageTrainable,
    views: PhotoViewsName = "one",
) -> keras.KerasTensor:
    """What the backbone makes of a photo: backbone, global average pool, mean over views.

    Args:
        image: float32 [batch, 224, 224, 3], RGB in [0, 1].
        backbone: a name from `IMAGE_BACKBONES`; or a `keras.Model` or callable that takes RGB in
            [0, 1], does its own preprocessing, and gives [batch, height, width, channels] or
            [batch, channels].
        weights: "imagenet", a file, or None for random. Ignored for a backbone of the caller's.
        trainable: what of a named backbone is trained: see `create_fused_encoder`.
        views: "one", or "zooms": see `PhotoViews`.

    Returns:
        float32 [batch, channels].

    Raises:
        ValueError: unknown backbone or views, or a backbone whose output is neither a map nor a vector.
        MissingWeightsError: the weights are nowhere to be had (the message says where to put them).
    """
    if views not in ("one", "zooms"):
        raise ValueError(f"Expected photo_views to be 'one' or 'zooms', received {views!r}.")
    looks = PhotoViews(name="photo_views") if views == "zooms" else None
    if looks is not None:
        image = looks(image)
    if isinstance(backbone, str):
        features = _named_backbone(image, backbone, weights=weights, trainable=trainable)
    else:
        features = backbone(image)
    if len(features.shape) == 4:
        features = keras.layers.GlobalAveragePooling2D(name="image_pool")(features)
    if len(features.shape) != 2:
        raise ValueError(
            "Expected an image backbone that gives [batch, height, width, channels] or "
            f"[batch, channels], received one that gives {tuple(features.shape)}."
        )
    if looks is not None:
        features = AverageViews(looks.num_views, name="average_views")(features)
    return features


def image_features(pooled: keras.KerasTensor) -> keras.KerasTensor:
    """What was seen, as the published network has it: Dense 512.

    Args:
        pooled: float32 [batch, channels], from `pooled_image`.

    Returns:
        float32 [batch, 512], at least 0.
    """
    return keras.layers.Dense(IMAGE_FEATURES_SIZE, "relu", name="image_features")(pooled)


def image_direction(
    pooled: keras.KerasTensor, *, size: int, keeps_geometry: bool
) -> keras.KerasTensor:
    """What was seen, for adding up: the backbone's features as a direction, projected.

    The projection starts as a random rotation onto fewer axes, which nearly keeps the angles between
    photos as the backbone has them.

    Args:
        pooled: float32 [batch, channels], from `pooled_image`.
        size: int >= 1, of the projection.
        keeps_geometry: whether it starts large, so that training moves it little beside what it is, and
            classes that were never trained on stay apart. Right for a frozen backbone; behind one that
            is trained the projection has to be free to move with it.

    Returns:
        float32 [batch, size], its length a measure of how sure it is.
    """
    direction = centred_direction(pooled, name="image_direction")
    gain = KEEPING_GAIN if keeps_geometry else 1.0
    return keras.layers.Dense(
        size,
        use_bias=False,
        kernel_initializer=keras.initializers.Orthogonal(gain=gain),
        name="image_features",
    )(direction)


def is_frozen(backbone: str | keras.Model | Callable, trainable: ImageTrainable) -> bool:
    """Whether nothing of a backbone is trained.

    Args:
        backbone: as in `pooled_image`; of a callable that is no model nothing is known.
        trainable: of a named backbone.
    """
    if isinstance(backbone, str):
        return trainable == "none"
    return isinstance(backbone, keras.Model) and not backbone.trainable_weights


def _named_backbone(
    image: keras.KerasTensor, name: str, *, weights: str | Path | None, trainable: ImageTrainable
) -> keras.KerasTensor:
    if trainable not in ("auto", "none", "last_block", "all"):
        raise ValueError(
            "Expected image_trainable to be 'auto', 'none', 'last_block' or 'all', "
            f"received {trainable!r}."
        )
    if name == "small_cnn":
        if weights is not None:
            raise ValueError(
                f"The backbone 'small_cnn' has no pretrained weights, received {weights!r}. "
                "Pass image_weights=None and train it, or choose another backbone."
            )
        network = small_cnn()
        _choose_trainable(network, "stage4_conv", trainable, pretrained=False)
        return network(image)
    if name not in _PRETRAINED:
        raise ValueError(
            f"Unknown image_backbone {name!r}. Expected one of {', '.join(IMAGE_BACKBONES)}, "
            "or a keras.Model."
        )
    kind = _PRETRAINED[name]
    network = getattr(keras.applications, kind.constructor)(
        include_top=False, weights=None, input_shape=(*IMAGE_SIZE, 3), name=name
    )
    if weights is not None:
        load_image_backbone_weights(network, name, None if weights == "imagenet" else weights)
    _choose_trainable(network, kind.last_block, trainable, pretrained=weights is not None)
    scaled = PixelScaling(kind.pixel_scale, name="image_scaling")(image)
    return network(scaled)


def _choose_trainable(
    network: keras.Model, last_block: str, trainable: ImageTrainable, *, pretrained: bool
) -> None:
    if trainable == "auto":
        trainable = "last_block" if pretrained else "all"
    if trainable == "all":
        return
    reached = False
    for layer in network.layers:
        reached = reached or layer.name == last_block
        # Small batches would spoil ImageNet's statistics: BatchNorm stays as it was trained.
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = reached and trainable == "last_block" and not is_norm
        if isinstance(layer, keras.layers.Dropout) and not layer.trainable:
            layer.rate = 0.0  # EfficientNet's: noise in front of weights that nobody trains


def small_cnn() -> keras.Model:
    """A small convolutional network for training from scratch on a laptop.

    For the sample data and for tests, where no pretrained weights are at hand: four stages on photos
    reduced to 112 x 112, then the maximum over places, because an individual's marks are small. For
    real photos prefer a pretrained backbone.

    Returns:
        keras.Model: float32 [batch, 224, 224, 3], RGB in [0, 1] -> float32 [batch, 192].
    """
    image = keras.Input((*IMAGE_SIZE, 3))
    x = keras.layers.AveragePooling2D(2)(PixelScaling("symmetric")(image))
    for stage, filters in enumerate((24, 48, 96, 192), start=1):
        strides = 2 if stage == 1 else 1
        name = f"stage{stage}_conv"
        x = keras.layers.Conv2D(filters, 3, strides, padding="same", use_bias=False, name=name)(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        x = keras.layers.Activation("relu")(x)
        if stage > 1:
            x = keras.layers.MaxPooling2D(2)(x)
    return keras.Model(image, keras.layers.GlobalMaxPooling2D()(x), name="small_cnn")
