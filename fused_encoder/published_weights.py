"""What the publishers of pretrained weights offer: addresses, checksums and sizes."""

from __future__ import annotations

from dataclasses import dataclass

YAMNET_HANDLE = "https://tfhub.dev/google/yamnet/1"

_GOOGLE = "https://storage.googleapis.com"
_KERAS = f"{_GOOGLE}/tensorflow/keras-applications"


@dataclass(frozen=True)
class PublishedFile:
    """One weight file on its publisher's server.

    Args:
        url: where it is.
        num_values: how many numbers it holds; tells the files of different networks apart.
        md5: its checksum, where the publisher names one.
    """

    url: str
    num_values: int
    md5: str | None = None


# The ImageNet networks without their top, as keras.applications names, sizes and checks them.
IMAGE_BACKBONE_FILES = {
    "vgg16": PublishedFile(
        f"{_KERAS}/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        14_714_688,
        "6d6bbae143d832006294945121d1f1fc",
    ),
    "resnet50": PublishedFile(
        f"{_KERAS}/resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5",
        23_587_712,
        "4d473c1dd8becc155b73f8504c6f6626",
    ),
    "densenet121": PublishedFile(
        f"{_KERAS}/densenet/densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
        7_037_504,
        "30ee3e1110167f948a6b9946edeeb738",
    ),
    "efficientnet_b0": PublishedFile(
        f"{_GOOGLE}/keras-applications/efficientnetb0_notop.h5",
        4_049_571,
        "50bc09e76180e00e4465e1a485ddc09d",
    ),
    "efficientnet_b3": PublishedFile(
        f"{_GOOGLE}/keras-applications/efficientnetb3_notop.h5",
        10_783_535,
        "af6d107764bb5b1abb91932881670226",
    ),
    "inception_v3": PublishedFile(
        f"{_KERAS}/inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5",
        21_802_784,
        "bcbd6486424b2319ff4ef7d526e38f63",
    ),
    "mobilenet_v2": PublishedFile(
        f"{_KERAS}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        2_257_984,
    ),
}

YAMNET_FILE = PublishedFile(f"{_GOOGLE}/audioset/yamnet.h5", 3_751_369)
