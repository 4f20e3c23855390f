"""`fused-encoder train`: folders to a training run on disk."""

from __future__ import annotations

import argparse

import keras

from app.commands.destination import check_destination
from app.commands.outcome import outcome
from app.commands.sources import yamnet_from
from fused_encoder import create_fused_encoder
from training import train_encoder
from training.fit import TrainingOptions
from training.run import save_run
from triplets import scan_folders


def run(options: argparse.Namespace) -> int:
    """Trains and writes the run."""
    how = TrainingOptions(
        num_triplets_per_class=options.triplets_per_class,
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        margin=options.margin,
        mining=options.mining,
        audio_seconds=options.audio_seconds,
        held_out_fraction=options.held_out,
        seed=options.seed,
    )
    check_destination(options.out, "run.json")
    scan_folders(options.images, options.audio)  # refuses what is wrong with them before slow work
    keras.utils.set_random_seed(options.seed)  # for the encoder's weights
    encoder = create_fused_encoder(
        image_backbone=options.image_backbone,
        image_weights=None if options.image_weights == "none" else options.image_weights,
        image_trainable=options.image_trainable,
        seed=options.seed,
    )
    yamnet = yamnet_from(options.yamnet)
    trained = train_encoder(options.images, options.audio, yamnet, encoder=encoder, options=how)
    save_run(options.out, trained, how, yamnet_source=options.yamnet)
    last = {name: values[-1] for name, values in trained.history.items()}
    print(
        f"Trained on {len(trained.training.images)} photos and {len(trained.training.recordings)} "
        f"recordings of {len(trained.training.class_names)} classes: loss {last['loss']:.4f}, "
        f"precision at 1 on held-out pairs {last['val_precision_at_1']:.3f}. "
        f"The run is in '{options.out}'; next: fused-encoder evaluate {options.out}"
    )
    return outcome(trained.skipped)
