"""The trained part: what of an encoder is trained, and what its `image_input` then takes."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial

import keras

from training.frozen_features import freeze_photos
from training.frozen_trunk import split_frozen_trunk
from training.model_graph import holds_frozen_weights
from training.options import TrainingOptions
from triplets.features import FeatureStore, PreparedMedia
from triplets.photos import PhotoSource, StoredPhotos

logger = logging.getLogger(__name__)

AUGMENTED_VIEWS = 4  # of each photo, itself among them, when what is frozen is computed beforehand


@dataclass(frozen=True)
class TrainedPart:
    """What is trained, and on which photos.

    Args:
        encoder: the whole encoder, or the head behind its frozen trunk.
        photos: what its `image_input` takes of the training files: photos, or the trunk's features.
        held_out_photos: the same of the held-out files; None without any.
        augment: whether photos are varied.
    """

    encoder: keras.Model
    photos: PhotoSource
    held_out_photos: PhotoSource | None
    augment: bool


def trained_part(
    encoder: keras.Model,
    training: PreparedMedia,
    held_out: PreparedMedia | None,
    options: TrainingOptions,
    store: FeatureStore | None,
    progress: bool,
) -> TrainedPart:
    """The head behind what is frozen, with the features it takes; the whole encoder where nothing is.

    Args:
        encoder: from `create_fused_encoder`.
        training: the files it is trained on.
        held_out: those it is validated on, or None.
        options: `cache_frozen` and `augment` of it.
        store: where features are kept. Default: the user's cache.
        progress: whether to show a bar.
    """
    frozen = split_frozen_trunk(encoder)
    is_backbone_frozen = frozen is not None and len(frozen.feature_shape) == 1
    augment = not is_backbone_frozen if options.augment is None else options.augment
    held_out_photos: PhotoSource | None
    if frozen is None or not options.cache_frozen:
        if options.cache_frozen and holds_frozen_weights(encoder):
            logger.warning(
                "Nothing of what is frozen can be computed beforehand (it is looked through several times, "
                "or stands behind what is trained): each step runs the whole backbone."
            )
        held_out_photos = None if held_out is None else StoredPhotos(held_out)
        return TrainedPart(encoder, StoredPhotos(training), held_out_photos, augment)
    # Not by the seed of the run: variations are drawn once and serve every run.
    freeze = partial(freeze_photos, frozen, store=store, progress=progress)
    photos = freeze(training, num_views=AUGMENTED_VIEWS if augment else 1)
    held_out_photos = None if held_out is None else freeze(held_out, num_views=1)
    return TrainedPart(frozen.head, photos, held_out_photos, augment)
