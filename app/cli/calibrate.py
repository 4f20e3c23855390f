"""`fused-encoder calibrate`: what an exported encoder's similarities mean, from individuals it never met."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.cli.options import add_command, add_labelled_files, labelled_files, value
from app.cli.outcome import import_tensorflow_quietly, outcome, table
from media.wording import some_names

if TYPE_CHECKING:
    from inference import Calibration

logger = logging.getLogger(__name__)

HEADER = ("pairs", "individuals", "of one", "curve", "error", "even at", "certified")


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(
        commands, "calibrate", "learn what similarities mean, from animals never trained on"
    )
    value(parser, "encoder", str, "ENCODER", "folder that `export --out` wrote")
    add_labelled_files(parser)
    value(parser, "--picture", str, "FILE.png", "where a picture of it goes")


def run(options: argparse.Namespace) -> int:
    """Embeds the folders, fits, puts the calibration into the exported encoder, and prints it."""
    files, held_out = labelled_files(options)
    files = held_out or files
    import_tensorflow_quietly()
    from inference import Embedder, attach_calibration
    from training import calibrate_encoder
    from triplets import prepare_media

    embedder = Embedder.load(options.encoder)
    media = prepare_media(files, embedder.front_end, max_audio_seconds=embedder.max_seconds)
    trained_on = sorted({*files.class_names} & {*embedder.settings.class_names})
    if trained_on:
        logger.warning(_trained_on(trained_on))
    calibration = calibrate_encoder(embedder, media, is_identity_disjoint=not trained_on)
    attach_calibration(options.encoder, calibration)
    print(calibration_text(calibration))
    print(f"\nThe calibration is in the encoder '{options.encoder}'.")
    if options.picture:
        from inference.calibrate.plots import plot_calibration

        plot_calibration(calibration).savefig(options.picture, dpi=110)
        print(f"The picture is in '{options.picture}'.")
    return outcome(media.skipped)


def calibration_text(calibration: Calibration) -> str:
    """A line for each pair pattern, what cannot be certified, and how far all of it can be trusted."""
    from inference import CannotCertifyError

    rows = []
    notes = []
    refusals: dict[str, list[str]] = {}
    for pattern, pair in calibration.pairs.items():
        error = "-" if pair.error is None else pair.error.expected_calibration_error
        even = -pair.intercept / pair.slope if pair.slope > 0 else "-"
        try:
            certified = calibration.strictest_threshold(pattern=pattern)
            threshold: float | str = certified.similarity
            notes.append(
                f"{pattern}: above {certified.similarity:.3f}, at most {certified.false_match_rate:.1%} of "
                f"unknown animals are matched to one of {certified.num_gallery} individuals like these "
                f"({certified.confidence:.0%} confidence, {certified.num_units} unknown animals, several "
                "galleries)."
            )
        except CannotCertifyError as refusal:
            threshold = "no"
            refusals.setdefault(str(refusal), []).append(pattern)
        counts = (pair.num_individuals, pair.num_positive_pairs)
        rows.append((pattern, *counts, pair.method, error, even, threshold))
    notes += [f"{', '.join(patterns)}: {refusal}" for refusal, patterns in refusals.items()]
    if not calibration.is_identity_disjoint:
        notes.append(
            "These individuals (or classes) were trained on: for animals that the encoder has never seen, "
            "probabilities are too sure and thresholds too low. Calibrate on others: "
            "`fused-encoder calibrate`."
        )
    return "\n".join([f"Calibration:\n{table(rows, HEADER)}", *notes])


def _trained_on(names: Sequence[str]) -> str:
    return (
        f"{len(names)} of the individuals have the names of classes that the encoder was trained on: "
        f"{some_names(names)}. The calibration is marked so. Use individuals that were left out of training."
    )
