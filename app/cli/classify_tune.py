"""`fused-encoder classify tune`: learning rate and augmentation by trials."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.cli.classify_train import add_network, add_recipe, network_options, training_options
from app.cli.options import add_command, value
from app.cli.outcome import DONE, check_destination, import_tensorflow_quietly
from app.cli.sound_inputs import add_hearing, add_recordings, hearing_source, labelled_recordings


def add_options(actions: argparse._SubParsersAction) -> None:
    """Adds the action to the parser."""
    parser = add_command(actions, "tune", "look for the best learning rate and augmentation")
    add_recordings(parser)
    out = "where the study is kept; run again to go on"
    value(parser, "--out", str, "DIR", out, required=True)
    value(parser, "--trials", 20, "N", "in all", least=1)
    folds = "one of so many parts of the recordings is not looked at, for `classify evaluate`"
    value(parser, "--folds", 5, "N", folds, least=2)
    add_hearing(parser)
    add_network(parser.add_argument_group("the network"))
    add_recipe(parser.add_argument_group("what is not varied"))


def run(options: argparse.Namespace) -> int:
    """Runs the trials that are missing, and prints the best."""
    from soundscapes.tune import STUDY_FILE, plot_study, tune_sound_classifier

    out = Path(options.out)
    check_destination(out, STUDY_FILE)
    recordings = labelled_recordings(options)
    import_tensorflow_quietly()
    from media.atomic import atomic_file
    from soundscapes import split_recordings
    from triplets import FeatureStore

    training, _ = split_recordings(recordings, num_folds=options.folds, seed=options.seed)
    study = tune_sound_classifier(
        training,
        hearing_source(options, recordings).load(),
        options.network,
        directory=out,
        num_trials=options.trials,
        options=training_options(options),
        store=FeatureStore(options.store),
        **network_options(options),
    )
    with atomic_file(out / "study.png") as temporary:
        plot_study(study).savefig(temporary, format="png", dpi=110)
    best = ", ".join(f"{name} {number:.3g}" for name, number in sorted(study.best_params.items()))
    print(
        f"Best of {len(study.trials)} trials: {best}; average precision {study.best_value:.3f} on the "
        f"recordings that were held back in training. The study is in '{out}'."
    )
    return DONE
