"""Training batches: the dataset that the options ask for, and the callback that mines it again."""

from __future__ import annotations

import keras
import tensorflow as tf

from training.backup import RunBackup
from training.callbacks import RemineTriplets
from training.frozen_features import TrainedPart
from training.options import MinedTriplets, TrainingOptions
from triplets.pair_batches import pair_batches
from triplets.pipeline import EpochCounter
from triplets.prepare import triplets_from_media
from triplets.prepared import PreparedMedia


def training_batches(
    part: TrainedPart,
    media: PreparedMedia,
    options: TrainingOptions,
    epoch: EpochCounter,
    backup: RunBackup | None,
) -> tuple[tf.data.Dataset, list[keras.callbacks.Callback]]:
    """What is trained on, and the callback that mines it again, if any.

    Args:
        part: what is trained.
        media: the files it is trained on.
        options: `batches` and how sound and photos are drawn.
        epoch: which epoch an iterator belongs to.
        backup: where the rows of mined triplets are kept for a run that goes on.
    """
    batches, window_frames = options.batches, media.front_end.frames_in(options.audio_seconds)
    if not isinstance(batches, MinedTriplets):
        dataset = pair_batches(
            media,
            classes_per_batch=batches.classes_per_batch,
            pairs_per_class=batches.pairs_per_class,
            steps_per_epoch=batches.steps_per_epoch,
            sampling=batches.sampling,
            window_frames=window_frames,
            photos=part.photos,
            augment=part.augment,
            epoch=epoch,
            seed=options.seed,
        )
        return dataset, []
    triplets = triplets_from_media(
        media,
        batches.num_triplets_per_class,
        mining=batches.mining,
        audio_seconds=options.audio_seconds,
        seed=options.seed,
    )
    dataset = triplets.to_dataset(
        batches.batch_size,
        augment=part.augment,
        audio_windows="random",
        photos=part.photos,
        epoch=epoch,
        seed=options.seed,
    )
    if batches.remine_every is None:
        return dataset, []
    remine = RemineTriplets(
        triplets,
        part.encoder,
        every=batches.remine_every,
        mining="semi-hard" if batches.mining == "cosine" else batches.mining,
        photos=part.photos,
        rows_path=None if backup is None else backup.mined_rows,
        seed=options.seed,
    )
    return dataset, [remine]
