"""`fused-encoder export`: a training run to one SavedModel, with its thresholds and its calibration."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from app.cli.options import add_command, add_run, value
from app.cli.outcome import check_destination, import_tensorflow_quietly, outcome

if TYPE_CHECKING:
    from triplets import PreparedMedia


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(commands, "export", "write a trained encoder as one SavedModel")
    add_run(parser)
    value(parser, "--out", str, "DIR", "where the SavedModel goes", required=True)


def run(options: argparse.Namespace) -> int:
    """Measures thresholds and a calibration on the held-out files and writes the SavedModel."""
    check_destination(options.out, "assets/encoder.json")
    import_tensorflow_quietly()
    from app.cli.calibration_text import calibration_in_short, write_calibration_text
    from app.cli.evaluate import embedder_of, front_end_of, media_of
    from training import calibrate_held_out
    from training.evaluate import measure_thresholds
    from training.run import load_run

    saved = load_run(options.run)
    front_end = front_end_of(saved)
    gallery, queries = media_of(saved, front_end)
    embedder = embedder_of(saved, front_end)
    thresholds = measure_thresholds(embedder, gallery, queries)
    embedder.calibration = calibration = calibrate_held_out(embedder, queries)
    embedder.save(options.out, class_names=saved.training.class_names, thresholds=thresholds)
    text = write_calibration_text(options.out, calibration, thresholds)
    print(f"The encoder is in '{options.out}'.")
    print(calibration_in_short(calibration))
    print(
        f"Next: fused-encoder calibrate {options.out} {_folders(queries)}, with animals that it was never "
        f"trained on; then fused-encoder embed. All figures: '{text}'."
    )
    return outcome((*gallery.skipped, *queries.skipped))


def _folders(media: PreparedMedia) -> str:
    """The options that name folders of what an encoder was trained on."""
    kinds = ((media.images, "--images DIR"), (media.recordings, "--audio DIR"))
    return " ".join(option for files, option in kinds if files)
