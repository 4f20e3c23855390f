"""`fused-encoder prepare`: folders to triplets on disk."""

from __future__ import annotations

import argparse

from app.cli.destination import check_destination
from app.cli.outcome import outcome
from app.cli.sources import yamnet_from
from triplets import prepare_triplets, scan_folders


def run(options: argparse.Namespace) -> int:
    """Mines triplets and writes them."""
    check_destination(options.out, "triplets.json")
    scan_folders(options.images, options.audio)  # refuses what is wrong with them before slow work
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
