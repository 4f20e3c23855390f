"""`fused-encoder student`: a small network that learns from a large one, for phones, boards and buoys."""

from __future__ import annotations

import argparse
import importlib

from app.cli.options import add_command

ACTIONS = ("features", "train", "evaluate", "unknown", "prune", "export")
"""Each is a module `student_<action>` of this package with `add_options(actions)` and `run(options)`."""


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(commands, "student", "distil a large sound classifier into a small one")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action in ACTIONS:
        importlib.import_module(f"app.cli.student_{action}").add_options(actions)


def run(options: argparse.Namespace) -> int:
    """Does one of the actions."""
    return importlib.import_module(f"app.cli.student_{options.action}").run(options)
