"""`fused-encoder student unknown`: when a student does not know, by species left out."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.cli.options import add_command, value
from app.cli.outcome import DONE, import_tensorflow_quietly, table


def add_options(actions: argparse._SubParsersAction) -> None:
    """Adds the action to the parser."""
    parser = add_command(actions, "unknown", 'calibrate when a student says "unknown"')
    value(parser, "student", str, "RUN", "folder that `student train --out` wrote")
    value(parser, "--left-out", 2, "N", "species left out at once, each in turn", least=1)
    value(parser, "--kept-share", 0.95, "P", "of known clips", above=0, below=1)
    value(parser, "--epochs", int, "N", "of each trial (default: as RUN was trained)", least=1)
    value(parser, "--store", str, "DIR", "where inputs are kept (default: the cache)")


def run(options: argparse.Namespace) -> int:
    """Trains a student for each trial, and writes the rule beside the run."""
    import_tensorflow_quietly()
    from dataclasses import replace

    from app.cli.student_train import TEACHER_FILE
    from student import calibrate_unknown, leave_species_out, load_student_run, prepare_clips
    from student.leave_out import logits_of
    from student.taught import load_teacher_outputs
    from student.unknown import UNKNOWN_KINDS, save_unknown_rule
    from triplets import FeatureStore

    saved, store = load_student_run(options.student), FeatureStore(options.store)
    clips, validation = (
        prepare_clips(side, saved.student.hearing, extra=saved.extra, store=store)
        for side in (saved.training, saved.validation)
    )
    file = saved.directory / TEACHER_FILE
    taught = load_teacher_outputs(file) if file.is_file() else None
    recipe = saved.options
    if options.epochs is not None:
        recipe = replace(recipe, epochs=options.epochs)
    network = saved.student.network
    convolutions = [layer for layer in network.layers if layer.name.startswith("convolution_")]
    trials = leave_species_out(
        clips,
        validation,
        taught,
        num_left_out=options.left_out,
        options=recipe,
        progress=False,
        channels=[layer.filters for layer in convolutions if hasattr(layer, "filters")],
        hidden_size=network.get_layer("head").units,
        num_extra=len(saved.student.extra_names),
    )
    rule = calibrate_unknown(
        trials,
        logits_of(saved.student, clips),
        logits_of(saved.student, validation),
        kept_share=options.kept_share,
    )
    names = (*UNKNOWN_KINDS, "published")
    columns = ("auroc", "known_kept", "unknown_refused")
    rows = [[name, *(rule.figures[name][column] for column in columns)] for name in names]  # type: ignore[index]
    print(table(rows, [f"{len(trials)} trials", *(c.replace("_", " ") for c in columns)]))
    written = save_unknown_rule(Path(options.student), rule)
    print(f"Chosen: {rule.kind}, known from {rule.threshold:.4g} on. Written: '{written}'.")
    return DONE
