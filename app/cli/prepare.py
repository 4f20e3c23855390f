"""`fused-encoder prepare`: folders to triplets on disk."""

from __future__ import annotations

import argparse

from app.cli.options import add_class_folders, add_command, add_mining, value
from app.cli.outcome import check_destination, import_tensorflow_quietly, outcome


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(commands, "prepare", "mine hard-negative triplets from class folders")
    add_class_folders(parser)
    value(parser, "--out", str, "DIR", "where triplets are written", required=True)
    add_mining(parser)


def run(options: argparse.Namespace) -> int:
    """Mines triplets and writes them."""
    from triplets import scan_folders

    check_destination(options.out, "triplets.json")
    scan_folders(options.images, options.audio)  # reports problems before slow work begins
    import_tensorflow_quietly()
    from app.cli.sources import yamnet_from
    from triplets import prepare_triplets

    triplets = prepare_triplets(
        options.images,
        options.audio,
        yamnet_from(options.yamnet),
        options.triplets_per_class,
        mining=options.mining,
        audio_seconds=options.audio_seconds,
        seed=options.seed,
    )
    triplets.save(options.out)
    print(f"{len(triplets)} triplets of {len(triplets.class_names)} classes in '{options.out}'.")
    return outcome(triplets.skipped)
