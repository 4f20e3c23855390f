"""`train_encoder`: from folders to a trained encoder, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import keras
import tensorflow as tf

from fused_encoder.audio_sequence import frames_in
from fused_encoder.yamnet import Yamnet
from training.backup import RunBackup
from training.callbacks import ProgressBar, RetrievalValidation
from training.collapse import CollapseWarning
from training.epochs import FollowEpoch
from training.evaluate import refuse_leaks
from training.frozen_features import freeze_photos
from training.frozen_trunk import split_frozen_trunk
from training.objective import create_training_model, with_targets
from training.options import MinedTriplets, TrainingOptions
from training.recommended import recommended_encoder
from training.remining import MineAgain
from training.sides import Folders, SourceOf, prepare_sides
from triplets.epochs import EpochCounter
from triplets.features import FeatureStore, PreparedMedia, Skipped, prepare_media
from triplets.pair_batches import pair_batches
from triplets.photos import PhotoSource, StoredPhotos
from triplets.prepare import triplets_from_media

AUGMENTED_VIEWS = 4  # of each photo, itself among them, when what is frozen is computed beforehand


@dataclass(frozen=True)
class TrainedEncoder:
    """A trained encoder and what it was trained and may be tested on.

    Args:
        encoder: the Keras model.
        history: of each epoch: `loss`, `val_precision_at_1`, ...
        training: the photos and recordings it was trained on.
        held_out: those it has never seen, of the same classes.
    """

    encoder: keras.Model
    history: dict[str, list[float]]
    training: PreparedMedia
    held_out: PreparedMedia = field(repr=False)

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """The files that could not be used, and why."""
        return (*self.training.skipped, *self.held_out.skipped)


def train_encoder(
    image_dir: str | Path,
    audio_dir: str | Path,
    yamnet: Yamnet,
    *,
    held_out: Folders | None = None,
    source_of: SourceOf | None = None,
    encoder: keras.Model | None = None,
    options: TrainingOptions | None = None,
    store: FeatureStore | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    backup_dir: str | Path | None = None,
    progress: bool = True,
) -> TrainedEncoder:
    """Splits, prepares, trains, and validates after each epoch on what was held out.

    Args:
        image_dir: one sub-folder per class with photos.
        audio_dir: one sub-folder per class, of the same names, with recordings.
        yamnet: see `load_yamnet`.
        held_out: folders of photos and of recordings of the same classes that are not trained on.
            Default: a share of the sources of each class is held out, see `split_by_source`.
        source_of: names the source of a file, where several come from one outing, see
            `split_by_source`. Default: the file's content.
        encoder: from `create_fused_encoder`; it is trained in place. Default: `recommended_encoder()`.
        options: how. Default: `TrainingOptions()`.
        store: where features are kept. Default: the user's cache.
        callbacks: further Keras callbacks; they see the validation in their logs.
        backup_dir: a folder for what a killed run needs to go on, with the same loss curve, when it is
            started again with the same arguments; emptied when training is done. None: no backup.
        progress: whether to show bars.

    Returns:
        `TrainedEncoder`. The weights are those of the last epoch, whatever the validation said: the
        held-out files chose nothing, so that their figures stay honest.

    Raises:
        FileNotFoundError: one of the folders does not exist.
        ValueError: the folders or the options cannot be used.
        MissingWeightsError: without `encoder`, MobileNetV2's weights are not to be had.
    """
    options = options or TrainingOptions()
    keras.utils.set_random_seed(options.seed)
    prepare = partial(
        prepare_media,
        yamnet=yamnet,
        max_audio_seconds=options.max_audio_seconds,
        store=store,
        progress=progress,
    )
    training, held_out_media = prepare_sides(
        (image_dir, audio_dir),
        held_out,
        prepare,
        held_out_fraction=options.held_out_fraction,
        source_of=source_of,
        seed=options.seed,
    )
    refuse_leaks(training, held_out_media)
    if encoder is None:
        encoder = recommended_encoder(seed=options.seed)
    history = fit_encoder(
        encoder,
        training,
        held_out_media,
        options,
        store=store,
        callbacks=callbacks,
        backup_dir=backup_dir,
        progress=progress,
    )
    return TrainedEncoder(encoder, history, training, held_out_media)


def fit_encoder(
    encoder: keras.Model,
    training: PreparedMedia,
    held_out: PreparedMedia | None = None,
    options: TrainingOptions | None = None,
    *,
    store: FeatureStore | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    backup_dir: str | Path | None = None,
    progress: bool = True,
) -> dict[str, list[float]]:
    """Trains an encoder in place on files that are prepared already.

    Args:
        encoder: from `create_fused_encoder`.
        training: the files it is trained on, from `prepare_media`.
        held_out: those it is validated on after each epoch; None: no validation.
        options: how; those for preparing and splitting are not looked at.
        store: where a frozen trunk's features are kept. Default: the user's cache.
        callbacks: further Keras callbacks.
        backup_dir: as in `train_encoder`.
        progress: whether to show bars.

    Returns:
        Of each epoch: `loss` and what the callbacks logged.
    """
    options = options or TrainingOptions()
    backup = None if backup_dir is None else RunBackup(backup_dir, options, training)
    side = _behind_what_is_frozen(encoder, training, held_out, options, store, progress)
    epoch = EpochCounter()
    dataset, mining_again = _batches(side, training, options, epoch, backup)
    total_steps = options.epochs * int(dataset.cardinality())
    model = create_training_model(
        side.encoder, len(training.class_names), options, total_steps=total_steps
    )
    every: list[keras.callbacks.Callback] = list(mining_again)
    if held_out is not None:
        every.append(
            RetrievalValidation(
                side.encoder,
                training,
                held_out,
                gallery_photos=side.photos,
                query_photos=side.held_out_photos,
                audio_seconds=options.window_seconds,
            )
        )
    every.append(CollapseWarning(_probe(dataset), encoder=side.encoder))
    every += callbacks
    every += backup.callbacks() if backup else []
    every += [FollowEpoch(epoch), *([ProgressBar(total_steps)] if progress else [])]
    fitted = model.fit(
        with_targets(dataset, model),
        epochs=options.epochs,
        callbacks=every,
        verbose=0,
        shuffle=False,  # the dataset does, by epoch
    )
    history = dict((backup.history if backup else fitted).history)
    if backup:
        backup.remove()
    return {name: [float(value) for value in values] for name, values in history.items()}


def _probe(dataset: tf.data.Dataset) -> dict[str, tf.Tensor]:
    """Pairs of a batch, the anchors of triplets, in which a collapse would show."""
    inputs, _ = next(iter(dataset))
    if "anchor_image" in inputs:
        return {"image_input": inputs["anchor_image"], "audio_input": inputs["anchor_audio"]}
    return inputs


@dataclass(frozen=True)
class _Side:
    """What is trained, what its `image_input` takes on both sides, and whether photos are varied."""

    encoder: keras.Model
    photos: PhotoSource
    held_out_photos: PhotoSource | None
    augment: bool


def _behind_what_is_frozen(
    encoder: keras.Model,
    training: PreparedMedia,
    held_out: PreparedMedia | None,
    options: TrainingOptions,
    store: FeatureStore | None,
    progress: bool,
) -> _Side:
    frozen = split_frozen_trunk(encoder)
    is_backbone_frozen = frozen is not None and len(frozen.feature_shape) == 1
    augment = not is_backbone_frozen if options.augment is None else options.augment
    held_out_photos: PhotoSource | None
    if frozen is None or not options.cache_frozen:
        held_out_photos = None if held_out is None else StoredPhotos(held_out)
        return _Side(encoder, StoredPhotos(training), held_out_photos, augment)
    # Not by the seed of the run: variations are drawn once and serve every run.
    freeze = partial(freeze_photos, frozen, store=store, progress=progress)
    photos = freeze(training, num_views=AUGMENTED_VIEWS if augment else 1)
    held_out_photos = None if held_out is None else freeze(held_out, num_views=1)
    return _Side(frozen.head, photos, held_out_photos, augment)


def _batches(
    side: _Side,
    media: PreparedMedia,
    options: TrainingOptions,
    epoch: EpochCounter,
    backup: RunBackup | None,
) -> tuple[tf.data.Dataset, list[keras.callbacks.Callback]]:
    """What is trained on, and the callback that mines it again, if any."""
    batches, window_frames = options.batches, frames_in(options.audio_seconds)
    if not isinstance(batches, MinedTriplets):
        dataset = pair_batches(
            media,
            classes_per_batch=batches.classes_per_batch,
            pairs_per_class=batches.pairs_per_class,
            steps_per_epoch=batches.steps_per_epoch,
            sampling=batches.sampling,
            window_frames=window_frames,
            photos=side.photos,
            augment=side.augment,
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
        augment=side.augment,
        audio_windows="random",
        photos=side.photos,
        epoch=epoch,
        seed=options.seed,
    )
    if batches.mine_again_every is None:
        return dataset, []
    again = MineAgain(
        triplets,
        side.encoder,
        every=batches.mine_again_every,
        mining="semi-hard" if batches.mining == "cosine" else batches.mining,
        photos=side.photos,
        rows_path=None if backup is None else backup.mined_rows,
        seed=options.seed,
    )
    return dataset, [again]
