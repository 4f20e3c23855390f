"""`fused-encoder export`: a training run to one SavedModel, with its thresholds and its calibration."""

from __future__ import annotations

import argparse

from app.cli.options import add_command, add_run, value
from app.cli.outcome import import_tensorflow_quietly, outcome


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(commands, "export", "write a trained encoder as one SavedModel")
    add_run(parser)
    value(parser, "--out", str, "DIR", "where the SavedModel goes", required=True)


def run(options: argparse.Namespace) -> int:
    """Measures thresholds and a calibration on the held-out files and writes the SavedModel."""
    import_tensorflow_quietly()
    from app.cli.calibrate import calibration_text
    from app.cli.evaluate import embedder_of, evaluate_run, front_end_of
    from inference import export_saved_model
    from training import calibrate_held_out
    from training.run import load_run

    saved = load_run(options.run)
    yamnet = front_end_of(saved)
    evaluation, gallery, queries = evaluate_run(saved, yamnet)
    calibration = calibrate_held_out(embedder_of(saved, yamnet), queries)
    export_saved_model(
        saved.encoder,
        yamnet,
        options.out,
        audio_seconds=saved.options.window_seconds,
        max_windows=saved.options.max_windows,
        class_names=saved.training.class_names,
        thresholds=evaluation.thresholds,
        calibration=calibration,
    )
    thresholds = ", ".join(f"{name} {value:.3f}" for name, value in evaluation.thresholds.items())
    print(f"The encoder is in '{options.out}'; similarity thresholds: {thresholds}.")
    if calibration is not None:
        print(f"\n{calibration_text(calibration)}")
    return outcome((*gallery.skipped, *queries.skipped))
