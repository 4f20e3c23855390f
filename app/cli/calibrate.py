"""`fused-encoder calibrate`: what an exported encoder's similarities mean, from individuals it never met."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.options import add_command, add_labelled_files, labelled_files, switch, value
from app.cli.outcome import DONE, import_tensorflow_quietly, outcome
from media.wording import some_names

if TYPE_CHECKING:
    from inference import Calibration, Embedder
    from triplets import PreparedMedia

logger = logging.getLogger(__name__)


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(
        commands, "calibrate", "learn what similarities mean, from animals never trained on"
    )
    value(parser, "encoder", str, "ENCODER", "folder that `export --out` wrote")
    add_labelled_files(parser)
    switch(parser, "--show", "print the figures of the calibration that it has, and change nothing")
    matching = (
        "also learn what photos share in detail, for `query --rerank`, from photos of individuals that were "
        "met several times (--source); written to FILE.json"
    )
    value(parser, "--matching", str, "FILE.json", matching)
    value(parser, "--picture", str, "FILE.png", "where a picture of it goes")


def run(options: argparse.Namespace) -> int:
    """Embeds the folders, fits, puts the calibration into the exported encoder, and prints it."""
    if options.show:
        return _show(options)
    files, held_out, no_animal = labelled_files(options)
    files = held_out or files
    import_tensorflow_quietly()
    from app.cli.calibration_text import calibration_in_short, write_calibration_text
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
    text = write_calibration_text(options.encoder, calibration, embedder.settings.thresholds)
    print(calibration_in_short(calibration))
    print(f"The calibration is in the encoder '{options.encoder}'; all figures: '{text}'.")
    _draw(calibration, options.picture)
    if options.matching:
        _fit_matching(options.matching, embedder, media)
    return outcome((*no_animal, *media.skipped))


def _show(options: argparse.Namespace) -> int:
    """Prints the figures of the calibration that an encoder has."""
    from app.cli.calibration_text import calibration_in_short, calibration_text
    from inference import load_calibration
    from inference.calibrate.calibration import CALIBRATION_FILE

    path = Path(options.encoder, "assets", CALIBRATION_FILE)
    if not path.is_file():
        raise FileNotFoundError(
            f"The encoder '{options.encoder}' has no calibration. Make one: `fused-encoder calibrate "
            f"{options.encoder}` with --images, --audio or both."
        )
    calibration = load_calibration(path)
    print(f"{calibration_in_short(calibration)}\n\n{calibration_text(calibration)}")
    _draw(calibration, options.picture)
    return DONE


def _draw(calibration: Calibration, picture: str | None) -> None:
    if picture:
        from inference.calibrate.plots import plot_calibration

        plot_calibration(calibration).savefig(picture, dpi=110)
        print(f"The picture is in '{picture}'.")


def _fit_matching(path: str, embedder: Embedder, media: PreparedMedia) -> None:
    """Compares the photos with each other in detail, and writes what it means."""
    import numpy as np

    from inference.matching import fit_on_known, save_match_calibration

    photos = media.images
    alone = np.stack([np.arange(len(photos)), np.full(len(photos), -1)], axis=1)
    embeddings = embedder.embed_combinations([photo.feature() for photo in photos], [], alone)
    calibration = fit_on_known(
        [photo.path for photo in photos],
        embeddings,
        [media.class_names[photo.class_index] for photo in photos],
        [photo.source for photo in photos],
        boxes=[photo.box for photo in photos],
        progress=True,
    )
    print(f"The matching calibration is in '{save_match_calibration(path, calibration)}'.")


def _trained_on(names: Sequence[str]) -> str:
    return (
        f"{len(names)} of the individuals have the names of classes that the encoder was trained on: "
        f"{some_names(names)}. The calibration is marked so. Use individuals that were left out of training."
    )
