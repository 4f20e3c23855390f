"""The image branch: a backbone by name, with the pixel scaling it was trained with inside the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import keras
from keras import ops

from fused_encoder.fusion import centred_direction
from fused_encoder.photo import IMAGE_SIZE
from fused_encoder.photo_views import AverageViews, PhotoViews
from fused_encoder.weights import load_image_backbone_weights

IMAGE_FEATURES_SIZE = 512
KEEPING_GAIN = 10.0  # measured: docs/decisions.md

PixelScale = Literal["unit", "symmetric", "imagenet", "imagenet_bgr", "byte"]
ImageTrainable = Literal["auto", "none", "last_block", "all"]
PhotoViewsName = Literal["one", "zooms", "zooms_unflipped"]
PHOTO_VIEWS: tuple[str, ...] = get_args(PhotoViewsName)


@dataclass(frozen=True)
class _Backbone:
    constructor: str  # in keras.applications
    pixel_scale: PixelScale
    last_frozen: str  # the layer before the last block


_PRETRAINED = {
    "vgg16": _Backbone("VGG16", "imagenet_bgr", "block4_pool"),
    "resnet50": _Backbone("ResNet50", "imagenet_bgr", "conv4_block6_out"),
    "densenet121": _Backbone("DenseNet121", "imagenet", "pool4_relu"),
    "efficientnet_b0": _Backbone("EfficientNetB0", "byte", "block6d_add"),
    "efficientnet_b3": _Backbone("EfficientNetB3", "byte", "block6f_add"),
    "inception_v3": _Backbone("InceptionV3", "symmetric", "mixed8"),
    "mobilenet_v2": _Backbone("MobileNetV2", "symmetric", "block_13_project_BN"),
}

NO_PHOTOS = "no_photos"
"""Name of the layer in place of a backbone, in an encoder of recordings only."""

IMAGE_BACKBONES: tuple[str, ...] = (*_PRETRAINED, "small_cnn")
"""Names that `create_fused_encoder(image_backbone=...)` knows."""


@keras.saving.register_keras_serializable(package="fused_encoder")
class PixelScaling(keras.layers.Layer):
    """RGB in [0, 1] becomes the pixels a backbone was trained on.

    Args:
        scale: "unit" leaves [0, 1]; "symmetric" gives [-1, 1]; "byte" gives [0, 255]; "imagenet"
            subtracts ImageNet's mean and divides by its standard deviation; "imagenet_bgr" gives BGR
            in [0, 255] less ImageNet's mean (the Caffe convention of VGG16 and ResNet50).

    Input and output shape:
        float32 [batch, height, width, 3].
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


def is_seeing(encoder: keras.Model) -> bool:
    """Whether an encoder was made for photos, see `create_fused_encoder(image_backbone=None)`."""
    trunk = next((layer for layer in encoder.layers if layer.name == "image_trunk"), None)
    return trunk is None or all(layer.name != NO_PHOTOS for layer in trunk.layers)


def image_input() -> keras.KerasTensor:
    """A symbolic photo: float32 [batch, 224, 224, 3], RGB in [0, 1]."""
    return keras.Input((*IMAGE_SIZE, 3), name="image_input")


@keras.saving.register_keras_serializable(package="fused_encoder")
class ImageTrunk(keras.Model):
    """The frozen part of the image branch: it gives the same in training as in inference."""

    def call(
        self, inputs: keras.KerasTensor, training: bool = False, mask: object = None
    ) -> keras.KerasTensor:
        """The features; nothing is dropped out, and no statistics move."""
        return super().call(inputs, training=False, mask=mask)


def image_trunk_and_head(
    backbone: str | keras.Model | Callable[[keras.KerasTensor], keras.KerasTensor] | None,
    *,
    weights: str | Path | None,
    trainable: ImageTrainable,
    views: PhotoViewsName = "one",
    direction_size: int | None = None,
) -> tuple[keras.Model, keras.Model]:
    """The image branch as two models in a row: what training never changes, and what it trains.

    The trunk's features of a photo can be computed once and stored. With block 5 of VGG16 trained they
    are [14, 14, 512]; with MobileNetV2 frozen whole, [1280]. Where nothing is frozen, or where a
    partly trained backbone sees several views of each photo, the trunk passes photos on as they are.

    Args:
        backbone: see `create_fused_encoder`. One of the caller's gives [batch, height, width, channels]
            or [batch, channels]; a `keras.Model` without trainable weights is frozen. None: no photo is
            ever seen; a layer that has nothing to learn takes the place.
        weights: "imagenet", a file, or None for random. Ignored for a backbone of the caller's.
        trainable: what of a named backbone is trained.
        views: one of `PHOTO_VIEWS`.
        direction_size: int >= 1, the size of the projected direction, for adding up; None for the
            published Dense 512.

    Returns:
        `image_trunk`: float32 [batch, 224, 224, 3], RGB in [0, 1] -> features [batch, ...].
        `image_head`: features -> float32 [batch, 512], at least 0; or [batch, direction_size].

    Raises:
        ValueError: unknown backbone or views, or a backbone whose output is neither a map nor a vector.
        MissingWeightsError: the weights are nowhere to be had (the message says where to put them).
    """
    if views not in PHOTO_VIEWS:
        raise ValueError(f"Expected photo_views to be one of {PHOTO_VIEWS}, received {views!r}.")
    frozen: list[Callable]
    trained: list[Callable]
    if backbone is None:
        frozen, trained = [keras.layers.GlobalAveragePooling2D(name=NO_PHOTOS)], []
        views = "one"
    elif isinstance(backbone, str):
        frozen, trained = _named_backbone(backbone, weights, trainable)
    elif isinstance(backbone, keras.Model) and not backbone.trainable_weights:
        frozen, trained = [backbone], []
    else:
        frozen, trained = [], [backbone]
    photo, behind = image_input(), trained
    if not trained:
        seen = _pooled(photo, frozen, views)
    elif views == "one" and frozen:
        seen = _chain(photo, frozen)
    else:
        seen, behind = keras.layers.Identity(name="photo")(photo), [*frozen, *trained]
    features = keras.Input(seen.shape[1:], name="image_features_input")
    pooled = _pooled(features, behind, views) if trained else features
    if direction_size is None:
        outputs = keras.layers.Dense(IMAGE_FEATURES_SIZE, "relu", name="image_features")(pooled)
    else:
        outputs = _direction(pooled, direction_size, keeps_geometry=not trained)
    trunk = ImageTrunk(photo, seen, name="image_trunk")
    return trunk, keras.Model(features, outputs, name="image_head")


def _chain(image: keras.KerasTensor, networks: Sequence[Callable]) -> keras.KerasTensor:
    for network in networks:
        image = network(image)
    return image


def _pooled(
    image: keras.KerasTensor, networks: Sequence[Callable], views: PhotoViewsName
) -> keras.KerasTensor:
    """[batch, channels]: a backbone's features, averaged over places and views."""
    looks = None
    if views != "one":
        looks = PhotoViews(flip=views == "zooms", name="photo_views")
    features = _chain(looks(image) if looks else image, networks)
    if len(features.shape) == 4:
        features = keras.layers.GlobalAveragePooling2D(name="image_pool")(features)
    if len(features.shape) != 2:
        raise ValueError(
            "Expected an image backbone that gives [batch, height, width, channels] or "
            f"[batch, channels], received one that gives {tuple(features.shape)}."
        )
    return AverageViews(looks.num_views, name="average_views")(features) if looks else features


def _direction(pooled: keras.KerasTensor, size: int, *, keeps_geometry: bool) -> keras.KerasTensor:
    """The features as a direction, projected: its length is a measure of how sure it is.

    The projection starts as a random rotation onto fewer axes, which nearly keeps the angles between
    photos. Behind a frozen backbone it starts large, so that training moves it little and classes
    that were never trained on stay apart; behind a trained one it has to be free to move.
    """
    gain = KEEPING_GAIN if keeps_geometry else 1.0
    return keras.layers.Dense(
        size,
        use_bias=False,
        kernel_initializer=keras.initializers.Orthogonal(gain=gain),
        name="image_features",
    )(centred_direction(pooled, name="image_direction"))


def named_network(
    name: str, weights: str | Path | None, input_shape: tuple[int | None, int | None, int]
) -> tuple[list[keras.layers.Layer], keras.Model, str]:
    """A backbone by its name, with the layer that scales pixels for it, if it needs one.

    Args:
        name: one of `IMAGE_BACKBONES`.
        weights: "imagenet", a file, or None for random.
        input_shape: height, width (None: any), channels; small_cnn takes photos of one size only.

    Returns:
        The scaling of RGB in [0, 1]; the network, without its top; and the name of the layer before its last
        block.

    Raises:
        ValueError, MissingWeightsError: as `image_trunk_and_head`.
    """
    if name == "small_cnn":
        if weights is not None:
            raise ValueError(
                f"The backbone 'small_cnn' has no pretrained weights, received {weights!r}. "
                "Pass image_weights=None and train it, or choose another backbone."
            )
        return [], small_cnn(), "stage3_pool"
    if name not in _PRETRAINED:
        raise ValueError(
            f"Unknown image_backbone {name!r}. Expected one of {', '.join(IMAGE_BACKBONES)}, "
            "or a keras.Model."
        )
    kind = _PRETRAINED[name]
    network = getattr(keras.applications, kind.constructor)(
        include_top=False, weights=None, input_shape=input_shape, name=name
    )
    if weights is not None:
        load_image_backbone_weights(network, name, None if weights == "imagenet" else weights)
    return [PixelScaling(kind.pixel_scale, name="image_scaling")], network, kind.last_frozen


def _named_backbone(
    name: str, weights: str | Path | None, trainable: ImageTrainable
) -> tuple[list[Callable], list[Callable]]:
    """What of a backbone is frozen, and what behind it is trained."""
    if trainable not in ("auto", "none", "last_block", "all"):
        raise ValueError(
            "Expected image_trainable to be 'auto', 'none', 'last_block' or 'all', "
            f"received {trainable!r}."
        )
    scaling, network, last_frozen = named_network(name, weights, (*IMAGE_SIZE, 3))
    if trainable == "auto":
        trainable = "all" if weights is None else "last_block"
    if trainable == "all":
        return [], [*scaling, network]
    if trainable == "none":
        network.trainable = False
        return [*scaling, network], []
    cut = network.get_layer(last_frozen).output
    front = keras.Model(network.input, cut, name=f"{name}_front")
    front.trainable = False
    last_block = keras.Model(cut, network.output, name=f"{name}_last_block")
    for layer in last_block.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False  # small batches would spoil ImageNet's statistics
    return [*scaling, front], [last_block]


def small_cnn() -> keras.Model:
    """A small convolutional network for the sample data, trained from scratch on a laptop.

    Four stages on photos reduced to 112 x 112, then the maximum over places, because an individual's
    marks are small: float32 [batch, 224, 224, 3], RGB in [0, 1] -> float32 [batch, 192].
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
            x = keras.layers.MaxPooling2D(2, name=f"stage{stage}_pool")(x)
    return keras.Model(image, keras.layers.GlobalMaxPooling2D()(x), name="small_cnn")
