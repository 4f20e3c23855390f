"""The command line `fused-encoder`: one file for each command, with its options and its run.

No heavy library is loaded before a command has checked what it was given.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from app.cli.early_checks import check_given
from app.cli.logs import set_up_logs
from app.cli.outcome import ERROR, INTERRUPTED

COMMANDS = (
    "check",
    "prepare",
    "train",
    "evaluate",
    "export",
    "calibrate",
    "embed",
    "merge",
    "index",
    "query",
    "count",
    "review",
    "catalogue",
    "classify",
    "student",
    "listen",
    "serve",
    "demo",
    "doctor",
)
"""Each is a module of this package with `add_options(commands)` and `run(options)`."""

EPILOG = """exit codes: 0 done; 1 done, but some inputs were skipped (they are listed); 2 error, nothing done.
Each command explains its options: fused-encoder train --help"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: as typed after `fused-encoder`. Default: those of the process.

    Returns:
        The exit code: 0 done, 1 done with skipped inputs, 2 error.
    """
    options = build_parser().parse_args(arguments)
    warnings = set_up_logs()
    try:
        check_given(options)
        return importlib.import_module(f"app.cli.{options.command}").run(options)
    except KeyboardInterrupt:
        print("\nInterrupted. Finished work is kept; run again to continue.", file=sys.stderr)
        if arguments is None:  # nothing is left to do, and TensorFlow may take seconds to exit
            sys.stdout.flush()
            os._exit(INTERRUPTED)
        return INTERRUPTED
    except (ValueError, OSError, ImportError, KeyError, RuntimeError) as error:
        message = error.args[0] if isinstance(error, KeyError) and error.args else error
        print(f"fused-encoder {options.command}: {message}", file=sys.stderr)
        return ERROR
    finally:
        for line in warnings.left_out():
            print(f"WARNING: {line}", file=sys.stderr)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="fused-encoder",
        description="Tell animals apart by what they look like and how they sound.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        importlib.import_module(f"app.cli.{name}").add_options(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
