"""`train_encoder`: from folders to a trained encoder, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import keras
import tensorflow as tf

from fused_encoder.encoder import create_fused_encoder
from fused_encoder.front_ends.contract import AudioFrontEnd
from fused_encoder.front_ends.yamnet import Yamnet
from fused_encoder.image_branch import ImageTrainable, PhotoViewsName
from training.backup import RunBackup, read_history
from training.callbacks import CollapseWarning, RetrievalValidation, SetEpoch
from training.evaluate import refuse_leaks
from training.frozen_features import TrainedPart, trained_part
from training.head_start import start_head
from training.near_duplicates import tell_of_near_duplicates
from training.objective import (
    create_training_model,
    create_training_state,
    training_batches,
    with_targets,
)
from training.options import TrainingOptions
from training.sides import prepare_sides
from triplets.features import prepare_media
from triplets.folders import LabelledFiles, SourceOf, scan_folders
from triplets.pipeline import EpochCounter
from triplets.prepared import PreparedMedia, Skipped
from triplets.store import FeatureStore

Folders = tuple[str | Path | None, str | Path | None]


@dataclass(frozen=True)
class TrainedEncoder:
    """A trained encoder and what it was trained and may be tested on."""

    encoder: keras.Model
    history: dict[str, list[float]]  # of each epoch: `loss`, `val_precision_at_1`, ...
    training: PreparedMedia  # the photos and recordings it was trained on
    held_out: PreparedMedia = field(repr=False)  # those it has never seen, of the same classes

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """The files that could not be used, and why."""
        return (*self.training.skipped, *self.held_out.skipped)


def train_encoder(
    image_dir: str | Path | None = None,
    audio_dir: str | Path | None = None,
    yamnet: Yamnet | AudioFrontEnd | None = None,
    *,
    files: LabelledFiles | None = None,
    held_out: LabelledFiles | Folders | None = None,
    source_of: SourceOf | Literal["folder"] | None = None,
    encoder: keras.Model | None = None,
    options: TrainingOptions | None = None,
    store: FeatureStore | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    backup_dir: str | Path | None = None,
    progress: bool = True,
) -> TrainedEncoder:
    """Splits, prepares, trains, and validates after each epoch on what was held out.

    Args:
        image_dir: one sub-folder per class with photos; or None.
        audio_dir: one sub-folder per class, of the same names, with recordings; or None. A class may have
            photos only, or recordings only.
        yamnet: see `load_yamnet`; or any audio front end. None where there are no recordings.
        files: photos and recordings in place of the folders, such as `read_table` gives.
        held_out: files of the same classes that are not trained on: folders of photos and of recordings, or
            what `scan_folders` gives. Default: a share of the sources of each class is held out, see
            `split_by_source`.
        source_of: names the source of a file in the folders, where several come from one outing: see
            `scan_folders`. Default: the file's content.
        encoder: from `create_fused_encoder`; it is trained in place. Default: `recommended_encoder()`,
            which loads no image backbone where there are no photos.
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
        ValueError: the files or the options cannot be used.
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
    if files is None:
        files = scan_folders(image_dir, audio_dir, source_of=source_of)
    if isinstance(held_out, tuple):
        held_out = scan_folders(*held_out, min_sources_per_class=1, source_of=source_of)
    training, held_out_media = prepare_sides(
        files,
        held_out,
        prepare,
        held_out_fraction=options.held_out_fraction,
        seed=options.seed,
    )
    refuse_leaks(training, held_out_media)
    tell_of_near_duplicates(training, held_out_media)
    if encoder is None:
        encoder = recommended_encoder(
            image_backbone="mobilenet_v2" if training.images else None,
            audio_size=training.front_end.embedding_size,
            seed=options.seed,
        )
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


def recommended_encoder(
    *,
    image_weights: str | Path | None = "imagenet",
    image_trainable: ImageTrainable | None = None,
    photo_views: PhotoViewsName | None = None,
    flip: bool = True,
    **options: Any,
) -> keras.Model:
    """An encoder for tens to thousands of files: as much as possible pretrained, little to be learnt.

    Additive fusion, attention over the sound's frames, each modality hidden in a third of the training
    items. A pretrained backbone is frozen and looks at each photo eight times; one that starts from
    random is trained whole and looks once. `image_trainable="last_block"` with
    `TrainingOptions.fine_tuning()` fine-tunes.

    Args:
        image_weights: see `create_fused_encoder`.
        image_trainable: see there. Default: "none" with pretrained weights, else "all".
        photo_views: see there. Default: "zooms" if the backbone is frozen, else "one".
        flip: False makes "zooms" "zooms_unflipped": where left and right flank differ.
        **options: the others of `create_fused_encoder`. Defaults: `image_backbone` "mobilenet_v2", `fusion`
            "additive", `modality_dropout` 2/3 (as many pairs as photos alone and calls alone).

    Raises:
        ValueError: an option is out of range.
        MissingWeightsError: the backbone's ImageNet weights are neither here nor to be downloaded.
    """
    trainable = image_trainable or ("all" if image_weights is None else "none")
    defaults = {"image_backbone": "mobilenet_v2", "fusion": "additive", "modality_dropout": 2 / 3}
    views = photo_views or ("zooms" if trainable == "none" else "one")
    return create_fused_encoder(
        image_weights=image_weights,
        image_trainable=trainable,
        photo_views="zooms_unflipped" if views == "zooms" and not flip else views,
        **{**defaults, **options},
    )


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
    backup = None
    if backup_dir is not None:
        backup = RunBackup(backup_dir, options, training, held_out=held_out, encoder=encoder)
    part = trained_part(encoder, training, held_out, options, store, progress)
    class_axes = None
    if options.head_start == "closed_form":
        max_frames = training.front_end.frames_in(options.window_seconds * options.max_windows)
        class_axes = start_head(part, training, max_frames=max_frames, seed=options.seed)
    epoch = EpochCounter()
    dataset, remining = training_batches(part, training, options, epoch, backup)
    model = create_training_model(
        part.encoder,
        num_classes=len(training.class_names),
        options=options,
        total_steps=options.epochs * int(dataset.cardinality()),
        class_axes=class_axes,
    )
    fitted_to = with_targets(dataset, model)
    if not tf.distribute.has_strategy():
        create_training_state(model, fitted_to)
    fitted = model.fit(
        fitted_to,
        epochs=options.epochs,
        callbacks=[
            *remining,
            *_watching(part, dataset, training, held_out, options),
            *callbacks,
            *(backup.callbacks() if backup else ()),
            SetEpoch(epoch),
        ],
        verbose="auto" if progress else 0,
        shuffle=False,  # the dataset does, by epoch
    )
    history = dict(fitted.history)
    if backup:
        history = read_history(backup.history_path)
        backup.remove()
    return {name: [float(value) for value in values] for name, values in history.items()}


def _watching(
    part: TrainedPart,
    dataset: tf.data.Dataset,
    training: PreparedMedia,
    held_out: PreparedMedia | None,
    options: TrainingOptions,
) -> list[keras.callbacks.Callback]:
    """What looks on and logs: retrieval on held-out files, and whether embeddings collapse."""
    collapse = CollapseWarning(_probe(dataset), encoder=part.encoder)
    if held_out is None:
        return [collapse]
    validation = RetrievalValidation(
        part.encoder,
        training,
        held_out,
        gallery_photos=part.photos,
        query_photos=part.held_out_photos,
        audio_seconds=options.window_seconds,
        max_windows=options.max_windows,
    )
    return [validation, collapse]


def _probe(dataset: tf.data.Dataset) -> dict[str, tf.Tensor]:
    """Pairs of a batch, the anchors of triplets, in which a collapse would show."""
    inputs, _ = next(iter(dataset))
    if "anchor_image" in inputs:
        return {"image_input": inputs["anchor_image"], "audio_input": inputs["anchor_audio"]}
    return inputs
