"""`fused-encoder demo`: the whole job in one go."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.cli.outcome import outcome
from app.demo import aviary_material, demo_options, own_material, run_demo
from triplets import scan_folders


def run(options: argparse.Namespace) -> int:
    """Runs the demo on generated birds, or on the user's own folders."""
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    if bool(options.images) != bool(options.audio):
        raise ValueError("Expected both --images and --audio, or neither (generated birds).")
    if options.images:
        scan_folders(
            options.images, options.audio
        )  # refuses what is wrong before weights are sought
        material = own_material(Path(options.images), Path(options.audio), options.seed)
    else:
        material = aviary_material(out, options.size, options.seed)
    trained = run_demo(material, out, demo_options(material, options.epochs, options.seed))
    return outcome(trained.skipped)
