"""`fused-encoder demo`: the whole job in one go."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.cli.options import add_command
from app.cli.outcome import import_tensorflow_quietly, outcome


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(
        commands, "demo", "do the whole job on generated birds, or on your folders"
    )
    parser.add_argument("--out", default="demo", metavar="DIR", help="where everything goes")
    parser.add_argument("--images", metavar="DIR", help="your photos, instead of generated ones")
    parser.add_argument("--audio", metavar="DIR", help="your recordings")
    parser.add_argument("--epochs", type=int, default=None, help="passes over the triplets")
    parser.add_argument(
        "--size", choices=("tiny", "small", "standard"), default="standard", help="of the aviary"
    )
    parser.add_argument("--seed", type=int, default=0, help="the same seed, the same aviary")


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
