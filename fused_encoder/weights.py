"""Where pretrained weights come from: the files at hand first, then their publisher, else clear advice.

Order: an explicit path, the directory in FUSED_ENCODER_WEIGHTS, the user's caches (ours, Keras'), a
download. Needs no TensorFlow until weights are put into a network.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

logger = logging.getLogger(__name__)

YAMNET_HANDLE = "https://tfhub.dev/google/yamnet/1"

_DOWNLOAD_TIMEOUT_SECONDS = 30
_EFFICIENTNET_VARIANCE = (0.229, 0.224, 0.225)
_GOOGLE = "https://storage.googleapis.com"
_KERAS = f"{_GOOGLE}/tensorflow/keras-applications"


class MissingWeightsError(FileNotFoundError):
    """Pretrained weights are neither on this machine nor to be had from their publisher."""


@dataclass(frozen=True)
class PublishedFile:
    """One weight file on its publisher's server; its size is checked where no checksum is known."""

    url: str
    checksum: str | None = None
    num_bytes: int | None = None


# Google names no checksum; this is what others have recorded of the same address.
YAMNET_FILE = PublishedFile(
    f"{_GOOGLE}/audioset/yamnet.h5",
    "sha256:13c3308955bbfaef262f175ac9c40e47b134573a93984f009220dd7cc12a1744",
)


def _no_top(name: str, md5: str) -> PublishedFile:
    url = f"{_KERAS}/{name}_weights_tf_dim_ordering_tf_kernels_notop.h5"
    return PublishedFile(url, f"md5:{md5}")


def _efficientnet(name: str, md5: str) -> PublishedFile:
    return PublishedFile(f"{_GOOGLE}/keras-applications/{name}_notop.h5", f"md5:{md5}")


# The ImageNet networks without their top, as keras.applications names and checks them. Of
# MobileNetV2 it checks nothing.
IMAGE_BACKBONE_FILES = {
    "vgg16": _no_top("vgg16/vgg16", "6d6bbae143d832006294945121d1f1fc"),
    "resnet50": _no_top("resnet/resnet50", "4d473c1dd8becc155b73f8504c6f6626"),
    "densenet121": _no_top("densenet/densenet121", "30ee3e1110167f948a6b9946edeeb738"),
    "efficientnet_b0": _efficientnet("efficientnetb0", "50bc09e76180e00e4465e1a485ddc09d"),
    "efficientnet_b3": _efficientnet("efficientnetb3", "af6d107764bb5b1abb91932881670226"),
    "inception_v3": _no_top("inception_v3/inception_v3", "bcbd6486424b2319ff4ef7d526e38f63"),
    "mobilenet_v2": PublishedFile(
        f"{_KERAS}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        num_bytes=9_406_464,
    ),
}


def cache_directory() -> Path:
    """The user's cache: the directory in FUSED_ENCODER_CACHE, or ~/.cache/fused-encoder."""
    return _directory_in("FUSED_ENCODER_CACHE") or Path.home() / ".cache" / "fused-encoder"


def find_weights(name: str, path: str | Path | None = None) -> Path | None:
    """Where the pretrained weights of a network are on this machine; downloads nothing.

    Args:
        name: "yamnet", or an image backbone ("vgg16", "mobilenet_v2", ...).
        path: looked at instead of all other places.

    Returns:
        A weight file (.h5), for YAMNet maybe a SavedModel directory; None if there is none.

    Raises:
        MissingWeightsError: `path` is given, but nothing is there.
        ValueError: the name is not known.
    """
    places = weights_places(name)
    if path is None:
        return next((place for place in places if _holds_weights(place)), None)
    if not Path(path).expanduser().exists():
        raise MissingWeightsError(
            f"There are no weights of '{name}' at '{path}'. Correct the path, or leave it out to "
            f"use {places[0]} or a download."
        )
    return Path(path).expanduser()


def weights_places(name: str) -> list[Path]:
    """Where `find_weights` looks for a network's weights, in this order, whether or not they are there."""
    file_names = ["yamnet", "yamnet.h5"] if name == "yamnet" else [_file_name(name)]
    chosen = _directory_in("FUSED_ENCODER_WEIGHTS")
    if chosen and not chosen.is_dir():
        logger.warning("FUSED_ENCODER_WEIGHTS is %s, which is not a directory.", chosen)
    directories = [*filter(None, [chosen]), cache_directory() / "weights"]
    places = [folder / file for folder in directories for file in file_names]
    if name == "yamnet":
        return places
    keras_home = _directory_in("KERAS_HOME") or Path.home() / ".keras"
    return [*places, keras_home / "models" / _published(name).url.rsplit("/", 1)[1]]


def advice_on_missing_weights(name: str) -> str:
    """What to fetch, and where to put it, in one paragraph: for errors and for `doctor`."""
    folder = _directory_in("FUSED_ENCODER_WEIGHTS") or cache_directory() / "weights"
    fetch = f"Download {_published(name).url} and save it as {folder / _file_name(name)}"
    if name == "yamnet":
        fetch += f", or unpack {YAMNET_HANDLE}?tf-hub-format=compressed into {folder / 'yamnet'}"
    return (
        f"{fetch}. Another folder does as well, if the environment variable FUSED_ENCODER_WEIGHTS "
        "names it; so does passing the path."
    )


def download_weights(name: str) -> Path:
    """Fetches a network's weight file from its publisher to where `find_weights` finds it from now on.

    Raises:
        MissingWeightsError: no network, no room, or not the file that was published.
        ValueError: the name is not known.
    """
    import pooch  # only where something is to be downloaded

    published = _published(name)
    try:
        received = pooch.retrieve(
            published.url,
            known_hash=published.checksum,
            fname=_file_name(name),
            path=cache_directory() / "weights",
            downloader=pooch.HTTPDownloader(timeout=_DOWNLOAD_TIMEOUT_SECONDS, progressbar=True),
        )
        size = Path(received).stat().st_size
        if published.num_bytes not in (None, size):
            Path(received).unlink()
            raise ValueError(f"Expected {published.num_bytes:,} bytes, received {size:,}.")
    except (OSError, ValueError) as error:  # no network, no room on the disk; another file
        places = ", ".join(str(place) for place in weights_places(name))
        raise MissingWeightsError(
            f"The pretrained weights of '{name}' are not on this machine (looked for {places}), "
            f"and cannot be downloaded: {error}. {advice_on_missing_weights(name)}"
        ) from error
    return Path(received)


def load_image_backbone_weights(
    network: keras.Model, backbone: str, path: str | Path | None = None
) -> None:
    """Fills a backbone with its ImageNet weights, as `weights="imagenet"` would, wherever the file is.

    That includes a correction which Keras makes for EfficientNet only with `weights="imagenet"`: the
    published file stores the pixels' standard deviation where the variance belongs.

    Args:
        network: from `keras.applications`, built with `include_top=False, weights=None`.
        backbone: its name, from `IMAGE_BACKBONE_FILES`.
        path: a weight file of the user's, used instead of looking for one.

    Raises:
        MissingWeightsError: the file is nowhere, and cannot be downloaded.
        ValueError: unknown backbone, or the file is damaged or another network's.

    Reference:
        https://github.com/tensorflow/tensorflow/issues/49930
    """
    file = find_weights(backbone, path) or download_weights(backbone)
    try:
        network.load_weights(file)
    except (OSError, ValueError, KeyError) as error:  # no HDF5; other layers; no layers
        raise ValueError(
            f"{file} does not hold the weights of '{backbone}' without its top, or is damaged: {error} "
            f"{advice_on_missing_weights(backbone)}"
        ) from error
    for layer in network.layers if backbone.startswith("efficientnet") else ():
        if hasattr(layer, "adapt_variance"):
            variance = np.asarray(layer.adapt_variance)
            if np.allclose(variance, _EFFICIENTNET_VARIANCE, atol=1e-3):
                layer.adapt_variance.assign(variance**2)
                layer.finalize_state()


def _directory_in(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value).expanduser() if value else None


def _file_name(name: str) -> str:
    return "yamnet.h5" if name == "yamnet" else f"{name}_imagenet_notop.h5"


def _published(name: str) -> PublishedFile:
    if name == "yamnet":
        return YAMNET_FILE
    if name not in IMAGE_BACKBONE_FILES:
        raise ValueError(
            f"No pretrained weights are known for '{name}'. "
            f"Expected an image backbone: {', '.join(IMAGE_BACKBONE_FILES)}."
        )
    return IMAGE_BACKBONE_FILES[name]


def _holds_weights(place: Path) -> bool:
    return place.is_file() or (place / "saved_model.pb").is_file()
