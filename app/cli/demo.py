"""`fused-encoder demo`: the whole job in one go."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.cli.options import add_command, choice, value
from app.cli.outcome import import_tensorflow_quietly, outcome


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(
        commands, "demo", "do the whole job on generated birds, or on your folders"
    )
    value(parser, "--out", "demo", "DIR", "where everything goes")
    value(parser, "--images", str, "DIR", "your photos, instead of generated ones")
    value(parser, "--audio", str, "DIR", "your recordings")
    value(parser, "--epochs", int, None, "passes over the triplets")
    sizes = ("tiny", "small", "standard")
    choice(parser, "--size", sizes, "of the aviary", default="standard")
    value(parser, "--seed", 0, None, "the same seed, the same aviary")


def run(options: argparse.Namespace) -> int:
    """Runs the demo on generated birds, or on the user's own folders."""
    if bool(options.images) != bool(options.audio):
        raise ValueError("Expected both --images and --audio, or neither (generated birds).")
    if options.images:
        from triplets import scan_folders

        scan_folders(options.images, options.audio)  # reports problems before slow work begins
    import_tensorflow_quietly()
    from app.demo import aviary_material, demo_options, own_material, run_demo

    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    if options.images:
        material = own_material(Path(options.images), Path(options.audio), options.seed)
    else:
        material = aviary_material(out, options.size, options.seed)
    trained = run_demo(material, out, demo_options(material, options.epochs, options.seed))
    return outcome(trained.skipped)
