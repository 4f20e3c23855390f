"""`fused-encoder classify train`: labelled recordings to a sound classifier on disk."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.options import add_command, choice, switch, value
from app.cli.outcome import check_destination, import_tensorflow_quietly, outcome
from app.cli.sound_inputs import (
    add_hearing,
    add_recordings,
    distribution,
    hearing_source,
    labelled_recordings,
    unlabelled_recordings,
)

if TYPE_CHECKING:
    from soundscapes.options import SoundTraining

UNFINISHED = "unfinished"
POOLINGS = ("attention", "max", "mean", "log_sum_exp", "noisy_or")
LOSSES = ("binary_cross_entropy", "cross_entropy", "focal", "soft_auc")


def add_options(actions: argparse._SubParsersAction) -> None:
    """Adds the action to the parser."""
    parser = add_command(actions, "train", "train a sound classifier on labelled recordings")
    add_recordings(parser)
    out = "where the run is written; an interrupted run continues when it is started again"
    value(parser, "--out", str, "DIR", out, required=True)
    folds = "one of so many parts of the recordings is held out, to be evaluated with"
    value(parser, "--folds", 5, "N", folds, least=2)
    value(parser, "--fold", 1, "I", "which of them", least=1)
    add_hearing(parser)
    add_network(parser.add_argument_group("the network"))
    add_recipe(parser.add_argument_group("the recipe"))
    group = parser.add_argument_group("unlabelled soundscapes")
    unlabelled = "folders or files whose species nobody has named: a student learns from them too"
    value(group, "--unlabelled", str, "DIR", unlabelled, nargs="+")
    value(group, "--rounds", 2, "N", "students one after another, each its teacher's", least=1)


def add_network(group: argparse._ArgumentGroup) -> None:
    """Options of `create_sound_classifier`."""
    name = (
        "a head: linear, mlp, attention, prototypes; or of spectrograms: efficientnet_b0, efficientnet_b3, "
        "inception_v3, resnet50, densenet121, mobilenet_v2, small_cnn (default: linear, efficientnet_b0)"
    )
    value(group, "--network", str, "NAME", name)
    choice(group, "--pooling", POOLINGS, "how moments become a recording's answer")
    value(group, "--weights", "imagenet", "WHAT", "of spectrograms: 'imagenet', 'none', or a file")
    choice(group, "--loudness", ("decibel", "pcen"), "of spectrograms")
    value(group, "--dropout", 0.3, "SHARE", "of features hidden in training", least=0, below=1)


def add_recipe(group: argparse._ArgumentGroup) -> None:
    """Options that are fields of `SoundTraining`."""
    clip = "of sound at once (default: 5 of spectrograms, else 30)"
    value(group, "--clip-seconds", float, "S", clip, above=0)
    value(group, "--max-seconds", 60.0, "S", "read of a recording, from its start", above=0)
    value(group, "--epochs", 30, None, "as many clips as recordings each", least=1)
    value(group, "--batch-size", 32, "N", "clips per step", least=1)
    rate = "at its peak (default: 1e-3; pretrained on spectrograms 3e-4; a linear head 1e-4)"
    value(group, "--learning-rate", float, "R", rate, above=0)
    stays = "layers up to the picture halved N times stay as learnt from photos (spectrograms)"
    value(group, "--freeze-at", 3, "N", stays, least=0)
    choice(group, "--loss", LOSSES, "see docs")
    value(group, "--label-smoothing", 0.1, "SHARE", "not of soft_auc", least=0, below=1)
    value(group, "--secondary-weight", 0.5, "W", "label of secondary species", least=0)
    samplings = ("square_root", "class_balanced", "by_file")
    choice(group, "--sampling", samplings, "how often recordings of a species are drawn")
    value(group, "--ema-momentum", 0.0, "M", "of a running mean of the weights", least=0, below=1)
    patience = "stop after so many epochs without progress on a fifth of the training recordings"
    value(group, "--patience", int, "N", patience, least=1)
    value(group, "--seed", 0, None, "the same seed, the same result", least=0)
    anew = "decode clips anew at every step and augment their sound too (spectrograms; slow)"
    switch(group, "--from-waveforms", anew)
    group.add_argument(
        "--no-augment", dest="augment", action="store_false", help="clips as they are"
    )


def run(options: argparse.Namespace) -> int:
    """Trains and writes the run."""
    check_destination(options.out, "run.json", UNFINISHED)
    if options.fold > options.folds:
        raise ValueError(f"Expected --fold of 1 to {options.folds}, received {options.fold}.")
    recordings = labelled_recordings(options)
    print(distribution(recordings))
    import_tensorflow_quietly()
    from soundscapes import train_noisy_student, train_sound_classifier
    from soundscapes.folds import fold_recordings
    from soundscapes.run import save_sound_run
    from triplets import FeatureStore

    folds = list(fold_recordings(recordings, num_folds=options.folds, seed=options.seed))
    training, held_out = folds[options.fold - 1]
    hearing, how = hearing_source(options, recordings), training_options(options)
    common = {
        "options": how,
        "store": FeatureStore(options.store),
        **network_options(options),
    }
    if options.unlabelled:
        trained = train_noisy_student(
            training,
            unlabelled_recordings(options.unlabelled),
            hearing.load(),
            options.network,
            rounds=options.rounds,
            **common,
        )
    else:
        backup = Path(options.out) / UNFINISHED
        trained = train_sound_classifier(
            training, hearing.load(), options.network, backup_dir=backup, **common
        )
    save_sound_run(options.out, trained, how, training, held_out, hearing)
    print(
        f"Trained on {len(training)} recordings of {len(training.class_names)} species: loss "
        f"{trained.history['loss'][-1]:.4f}; {len(held_out)} recordings are held out. The run is in "
        f"'{options.out}'; next: fused-encoder classify evaluate {options.out}"
    )
    return outcome(trained.skipped)


def network_options(options: argparse.Namespace) -> dict[str, Any]:
    """The network that was asked for, but for its name."""
    return {
        "pooling": options.pooling,
        "weights": None if options.weights == "none" else options.weights,
        "loudness": options.loudness,
        "dropout": options.dropout,
        "num_bands": options.bands,
    }


def training_options(options: argparse.Namespace) -> SoundTraining:
    """The recipe that was asked for."""
    from soundscapes.options import SoundTraining

    given = vars(options)
    names = {field.name for field in fields(SoundTraining)} & given.keys()
    chosen: dict[str, Any] = {name: given[name] for name in names}
    if not options.augment:
        chosen["augmentation"] = None
    return SoundTraining(**chosen)
