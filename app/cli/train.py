"""`fused-encoder train`: folders to a training run on disk."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import keras

from app.cli.destination import check_destination
from app.cli.main import DONE
from app.cli.outcome import outcome
from app.cli.sources import yamnet_from
from training import recommended_encoder, train_encoder
from training.options import MinedTriplets, PairBatches, TrainingOptions
from training.precision import with_dtype_policy
from training.run import save_run
from training.workers.chief import is_chief
from training.workers.cluster import cluster_strategy, is_worker
from training.workers.start import start_workers
from triplets import scan_folders

UNFINISHED = "unfinished"


def run(options: argparse.Namespace) -> int:
    """Trains and writes the run."""
    how = _training_options(options)
    if options.workers > 1 and not is_worker():
        _check(options)
        return start_workers(
            options.workers, [sys.executable, "-m", "app.cli.main", *options.arguments]
        )
    strategy = cluster_strategy()  # before TensorFlow computes anything
    if is_chief(strategy):
        _check(options)
    keras.utils.set_random_seed(options.seed)  # for the encoder's weights
    encoder = _encoder(options)
    yamnet = yamnet_from(options.yamnet)
    trained = train_encoder(
        options.images,
        options.audio,
        yamnet,
        encoder=encoder,
        options=how,
        backup_dir=Path(options.out) / UNFINISHED,
        strategy=strategy,
    )
    if not is_chief(strategy):
        return DONE
    save_run(options.out, trained, how, yamnet_source=options.yamnet, yamnet=yamnet)
    last = {name: values[-1] for name, values in trained.history.items()}
    print(
        f"Trained on {len(trained.training.images)} photos and {len(trained.training.recordings)} "
        f"recordings of {len(trained.training.class_names)} classes: loss {last['loss']:.4f}, "
        f"precision at 1 on held-out pairs {last['val_precision_at_1']:.3f}. "
        f"The run is in '{options.out}'; next: fused-encoder evaluate {options.out}"
    )
    return outcome(trained.skipped)


def _check(options: argparse.Namespace) -> None:
    """Refuses what is wrong with the folders before slow work begins."""
    check_destination(options.out, "run.json", UNFINISHED)
    scan_folders(options.images, options.audio)


def _encoder(options: argparse.Namespace) -> keras.Model:
    with with_dtype_policy(options.precision):
        return recommended_encoder(
            image_backbone=options.image_backbone,
            image_weights=None if options.image_weights == "none" else options.image_weights,
            image_trainable=options.image_trainable,
            photo_views=options.photo_views,
            fusion=options.fusion,
            modality_dropout=options.modality_dropout,
            seed=options.seed,
        )


def _training_options(options: argparse.Namespace) -> TrainingOptions:
    batches: PairBatches | MinedTriplets
    if options.batches == "triplets":
        batches = MinedTriplets(
            num_triplets_per_class=options.triplets_per_class,
            batch_size=options.batch_size,
            mining=options.mining,
            mine_again_every=options.mine_again_every,
        )
    else:
        batches = PairBatches(
            classes_per_batch=options.classes_per_batch,
            pairs_per_class=options.pairs_per_class,
            steps_per_epoch=options.steps_per_epoch,
            sampling=options.sampling,
        )
    return TrainingOptions(
        batches=batches,
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        margin=options.margin,
        loss_mining=None if options.loss_mining == "none" else options.loss_mining,
        class_scale=options.class_scale or None,
        augment=False if options.no_augment else None,
        cache_frozen=not options.no_cache_frozen,
        audio_seconds=options.audio_seconds,
        heard_seconds=options.heard_seconds,
        max_audio_seconds=options.max_audio_seconds,
        held_out_fraction=options.held_out,
        seed=options.seed,
    )
