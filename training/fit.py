"""`train_encoder`: from folders to a trained encoder, in one call."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import keras

from fused_encoder.encoder import create_fused_encoder
from fused_encoder.yamnet import Yamnet
from training.callbacks import ProgressBar, RetrievalValidation
from training.evaluate import refuse_leaks
from training.losses import LossMining, TripletLoss
from training.triplet_model import create_triplet_model
from triplets.dataset import Triplets
from triplets.features import FeatureStore, PreparedMedia, Skipped, prepare_media
from triplets.folders import MediaFile, PairedFolders, scan_folders
from triplets.mining import Mining
from triplets.prepare import triplets_from_media
from triplets.splits import split_by_source


@dataclass(frozen=True)
class TrainingOptions:
    """How an encoder is trained.

    Args:
        num_triplets_per_class: int >= 1, triplets mined before training; an epoch sees each once.
        epochs: int >= 1.
        batch_size: int >= 1, triplets per step.
        learning_rate: float > 0, at the start; it falls to 0 along a cosine.
        margin: float > 0, see `TripletLoss`.
        mining: how negatives are chosen before training, see `mine_triplets`.
        loss_mining: how triplets are chosen within a batch, see `TripletLoss`; None: as mined before.
        augment: whether photos are varied lightly.
        audio_seconds: float > 0, how much sound the encoder hears at once.
        max_audio_seconds: float or None, how much of a recording is read.
        held_out_fraction: float in (0, 1), of each class's sources, not trained on.
        seed: int, for split, triplets, weights and order.
    """

    num_triplets_per_class: int = 100
    epochs: int = 10
    batch_size: int = 8
    learning_rate: float = 1e-3
    margin: float = 0.2
    mining: Mining = "cosine"
    loss_mining: LossMining | None = "semi-hard"
    augment: bool = True
    audio_seconds: float = 5.0
    max_audio_seconds: float | None = 30.0
    held_out_fraction: float = 0.25
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("num_triplets_per_class", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"Expected {name} >= 1, received {getattr(self, name)}.")
        for name in ("learning_rate", "margin", "audio_seconds"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"Expected {name} > 0, received {getattr(self, name)}.")


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
    held_out: tuple[str | Path, str | Path] | None = None,
    encoder: keras.Model | None = None,
    options: TrainingOptions | None = None,
    store: FeatureStore | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    progress: bool = True,
) -> TrainedEncoder:
    """Splits, prepares triplets, trains, and validates after each epoch on what was held out.

    Args:
        image_dir: one sub-folder per class with photos.
        audio_dir: one sub-folder per class, of the same names, with recordings.
        yamnet: see `load_yamnet`.
        held_out: folders of photos and of recordings of the same classes that are not trained on.
            Default: a share of the sources of each class is held out, see `split_by_source`.
        encoder: from `create_fused_encoder`; it is trained in place. Default: a new one with VGG16.
        options: how. Default: `TrainingOptions()`.
        store: where features are kept. Default: the user's cache.
        callbacks: further Keras callbacks; they see the validation in their logs.
        progress: whether to show bars.

    Returns:
        `TrainedEncoder`. The weights are those of the last epoch, whatever the validation said: the
        held-out files chose nothing, so that their figures stay honest.

    Raises:
        FileNotFoundError: one of the folders does not exist.
        ValueError: the folders or the options cannot be used.
        MissingWeightsError: without `encoder`, VGG16's weights are not to be had.
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
    training, held_out_media = _two_sides(image_dir, audio_dir, held_out, options, prepare)
    refuse_leaks(training, held_out_media)
    triplets = triplets_from_media(
        training,
        options.num_triplets_per_class,
        mining=options.mining,
        audio_seconds=options.audio_seconds,
        seed=options.seed,
    )
    if encoder is None:
        encoder = create_fused_encoder(seed=options.seed)
    validation = RetrievalValidation(
        encoder, yamnet, training, held_out_media, audio_seconds=options.audio_seconds
    )
    history = fit_triplets(
        encoder, triplets, options, callbacks=[validation, *callbacks], progress=progress
    )
    return TrainedEncoder(encoder, history, training, held_out_media)


def _two_sides(
    image_dir: str | Path,
    audio_dir: str | Path,
    held_out: tuple[str | Path, str | Path] | None,
    options: TrainingOptions,
    prepare: Callable[[PairedFolders], PreparedMedia],
) -> tuple[PreparedMedia, PreparedMedia]:
    """What is trained on and what is held out; what cannot be read is left out before the split."""
    folders = scan_folders(image_dir, audio_dir)
    if held_out is None:
        return _split(prepare(folders), options)
    others = scan_folders(*held_out, min_sources_per_class=1)
    if others.class_names != folders.class_names:
        differing = sorted(set(others.class_names) ^ set(folders.class_names))
        raise ValueError(
            f"The held-out folders '{held_out[0]}' and '{held_out[1]}' must hold the classes of "
            f"'{image_dir}', but {', '.join(differing)} are on one side only."
        )
    return prepare(folders), prepare(others)


def _split(media: PreparedMedia, options: TrainingOptions) -> tuple[PreparedMedia, PreparedMedia]:
    content = {file.path: file.content for file in (*media.images, *media.recordings)}
    images, recordings = (
        tuple(MediaFile(file.path, file.class_index) for file in files)
        for files in (media.images, media.recordings)
    )
    training, held_out = split_by_source(
        PairedFolders(media.class_names, images, recordings),
        held_out_fraction=options.held_out_fraction,
        source_of=content.__getitem__,
        seed=options.seed,
    )

    def side(folders: PairedFolders, skipped: tuple[Skipped, ...]) -> PreparedMedia:
        kept = {file.path for file in (*folders.images, *folders.recordings)}
        return PreparedMedia(
            media.class_names,
            tuple(file for file in media.images if file.path in kept),
            tuple(file for file in media.recordings if file.path in kept),
            skipped,
        )

    return side(training, media.skipped), side(held_out, ())


def fit_triplets(
    encoder: keras.Model,
    triplets: Triplets,
    options: TrainingOptions,
    *,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    progress: bool = True,
) -> dict[str, list[float]]:
    """Trains an encoder in place on triplets that are prepared already.

    Args:
        encoder: from `create_fused_encoder`.
        triplets: from `prepare_triplets`.
        options: how; those for preparing are not looked at.
        callbacks: Keras callbacks.
        progress: whether to show a bar.

    Returns:
        Of each epoch: `loss` and what the callbacks logged.
    """
    total_steps = options.epochs * math.ceil(len(triplets) / options.batch_size)
    model = create_triplet_model(encoder)
    rate = keras.optimizers.schedules.CosineDecay(
        0.1 * options.learning_rate,
        total_steps,
        warmup_target=options.learning_rate,
        warmup_steps=max(1, total_steps // 20),
    )
    model.compile(
        optimizer=keras.optimizers.Adam(rate, global_clipnorm=1.0),
        loss=TripletLoss(options.margin, mining=options.loss_mining),
    )
    dataset = triplets.to_dataset(options.batch_size, augment=options.augment, seed=options.seed)
    bar = [ProgressBar(total_steps)] if progress else []
    fitted = model.fit(
        dataset, epochs=options.epochs, callbacks=[*callbacks, *bar], verbose=0, shuffle=False
    )
    return {name: [float(v) for v in values] for name, values in fitted.history.items()}
