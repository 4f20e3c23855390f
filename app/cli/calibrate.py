"""`fused-encoder calibrate`: what an exported encoder's similarities mean, from individuals it never met."""

from __future__ import annotations

import argparse
import logging
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.options import add_command
from app.cli.outcome import import_tensorflow_quietly, outcome, table

if TYPE_CHECKING:
    from inference import Calibration

logger = logging.getLogger(__name__)

HEADER = ("pairs", "individuals", "of one", "curve", "error", "even at", "certified")


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(
        commands, "calibrate", "learn what similarities mean, from animals never trained on"
    )
    parser.add_argument("encoder", metavar="ENCODER", help="folder that `export --out` wrote")
    parser.add_argument("--images", metavar="DIR", help="photos, one sub-folder per individual")
    parser.add_argument("--audio", metavar="DIR", help="recordings, likewise")
    parser.add_argument(
        "--source",
        metavar="REGEX",
        help="what in a file's name tells its burst, day or tape, such as '^(.*)_': files of one source "
        "are not compared; without it each file is one",
    )
    parser.add_argument("--picture", metavar="FILE.png", help="where a picture of it goes")


def run(options: argparse.Namespace) -> int:
    """Embeds the folders, fits, puts the calibration into the exported encoder, and prints it."""
    source_of = None if options.source is None else source_by_pattern(options.source)
    import_tensorflow_quietly()
    from inference import Embedder, attach_calibration
    from training import calibrate_encoder
    from triplets import prepare_media, scan_any_folders

    embedder = Embedder.load(options.encoder)
    folders = scan_any_folders(options.images, options.audio)
    media = prepare_media(folders, embedder.front_end, max_audio_seconds=embedder.max_seconds)
    trained_on = sorted({*folders.class_names} & {*embedder.settings.class_names})
    if trained_on:
        logger.warning(_trained_on(trained_on))
    calibration = calibrate_encoder(
        embedder, media, is_identity_disjoint=not trained_on, source_of=source_of
    )
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


def source_by_pattern(pattern: str) -> Callable[[Path], str]:
    """The source of a file: what the pattern's first group (or all of it) finds in its name.

    Args:
        pattern: a regular expression, searched in the name without its folders, so that a photo and a
            recording of one event are of one source. A file in which nothing is found is a source of its own.

    Raises:
        ValueError: it is no regular expression.
    """
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ValueError(
            f"--source {pattern!r} is no regular expression: {error}. Expected one such as '^(.*)_', all "
            "before the last underscore."
        ) from error

    def source_of(path: Path) -> str:
        found = expression.search(path.name)
        source = found and found.group(1 if expression.groups else 0)
        return source or path.as_posix()

    return source_of


def _trained_on(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:5])
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return (
        f"{len(names)} of the individuals have the names of classes that the encoder was trained on: {shown}"
        f"{more}. The calibration is marked so. Use individuals that were left out of training."
    )
