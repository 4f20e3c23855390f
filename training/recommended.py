"""The recommended encoder: what the recipe of `train_encoder` was measured with, for any backbone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras

from fused_encoder.encoder import Fusion, create_fused_encoder
from fused_encoder.front_ends import YAMNET
from fused_encoder.image_branch import ImageTrainable, PhotoViewsName

MODALITY_DROPOUT = 2 / 3  # as many pairs as photos alone and calls alone


def recommended_encoder(
    *,
    image_backbone: str | keras.Model | Callable | None = "mobilenet_v2",
    image_weights: str | Path | None = "imagenet",
    image_trainable: ImageTrainable | None = None,
    photo_views: PhotoViewsName | None = None,
    fusion: Fusion = "additive",
    audio_size: int = YAMNET.embedding_size,
    modality_dropout: float = MODALITY_DROPOUT,
    seed: int | None = None,
) -> keras.Model:
    """An encoder for tens to thousands of files: as much as possible pretrained, little to be learnt.

    Additive fusion, attention over the sound's frames, each modality hidden in a third of the training
    items. A pretrained backbone is frozen and looks at each photo eight times; one that starts from
    random is trained whole and looks once.

    Args:
        image_backbone: see `create_fused_encoder`. Default: MobileNetV2.
        image_weights: see there.
        image_trainable: see there. Default: "none" with pretrained weights, else "all".
        photo_views: see there. Default: "zooms" if the backbone is frozen, else "one".
        fusion: see there.
        audio_size: see there.
        modality_dropout: float in [0, 1). Default 2/3.
        seed: int or None, for modality dropout.

    Returns:
        keras.Model, see `create_fused_encoder`.

    Raises:
        ValueError: an option is out of range.
        MissingWeightsError: the backbone's ImageNet weights are neither here nor to be downloaded.
    """
    trainable = image_trainable or ("all" if image_weights is None else "none")
    return create_fused_encoder(
        image_backbone=image_backbone,
        image_weights=image_weights,
        image_trainable=trainable,
        photo_views=photo_views or ("zooms" if trainable == "none" else "one"),
        fusion=fusion,
        audio_size=audio_size,
        modality_dropout=modality_dropout,
        seed=seed,
    )
