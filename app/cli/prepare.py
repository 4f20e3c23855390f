"""`fused-encoder prepare`: folders to triplets on disk."""

from __future__ import annotations

import argparse

from app.cli.options import add_class_folders, add_command, add_mining, labelled_files, value
from app.cli.outcome import check_destination, import_tensorflow_quietly, outcome


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(commands, "prepare", "mine hard-negative triplets from class folders")
    add_class_folders(parser)
    value(parser, "--out", str, "DIR", "where triplets are written", required=True)
    add_mining(parser)


def run(options: argparse.Namespace) -> int:
    """Mines triplets and writes them."""
    check_destination(options.out, "triplets.json")
    files, _, no_animal = labelled_files(options, min_sources_per_class=2)
    import_tensorflow_quietly()
    from fused_encoder.front_ends.by_name import load_front_end
    from triplets import prepare_media
    from triplets.prepare import triplets_from_media

    media = prepare_media(files, load_front_end(options.front_end) if files.recordings else None)
    triplets = triplets_from_media(
        media,
        options.triplets_per_class,
        mining=options.mining,
        audio_seconds=options.audio_seconds,
        seed=options.seed,
    )
    triplets.save(options.out)
    print(f"{len(triplets)} triplets of {len(triplets.class_names)} classes in '{options.out}'.")
    return outcome((*no_animal, *triplets.skipped))
