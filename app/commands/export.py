"""`fused-encoder export`: a training run to one SavedModel, with its thresholds."""

from __future__ import annotations

import argparse

from app.commands.evaluate import evaluate_run
from app.commands.outcome import outcome
from app.commands.sources import yamnet_from
from inference import export_saved_model
from training.run import load_run


def run(options: argparse.Namespace) -> int:
    """Measures thresholds on the held-out files and writes the SavedModel."""
    saved = load_run(options.run)
    yamnet = yamnet_from(saved.yamnet_source)
    evaluation, gallery, queries = evaluate_run(saved, yamnet)
    export_saved_model(
        saved.encoder,
        yamnet,
        options.out,
        audio_seconds=saved.options.window_seconds,
        max_windows=saved.options.max_windows,
        class_names=saved.training.class_names,
        thresholds=evaluation.thresholds,
    )
    thresholds = ", ".join(f"{name} {value:.3f}" for name, value in evaluation.thresholds.items())
    print(f"The encoder is in '{options.out}'; similarity thresholds: {thresholds}.")
    return outcome((*gallery.skipped, *queries.skipped))
