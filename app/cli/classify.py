"""`fused-encoder classify`: which species sing in recordings, and when."""

from __future__ import annotations

import argparse
import importlib

from app.cli.options import add_command

ACTIONS = ("train", "evaluate", "predict", "export", "spectrograms", "tune")
"""Each is a module `classify_<action>` of this package with `add_options(actions)` and `run(options)`."""


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(commands, "classify", "name the species that sing in recordings, and when")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action in ACTIONS:
        importlib.import_module(f"app.cli.classify_{action}").add_options(actions)


def run(options: argparse.Namespace) -> int:
    """Does one of the actions."""
    return importlib.import_module(f"app.cli.classify_{options.action}").run(options)
