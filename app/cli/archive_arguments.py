"""What the commands that read whole archives can be told. No heavy library is loaded here."""

from __future__ import annotations

import argparse

from app.cli.training_arguments import add_command


def add_check(commands: argparse._SubParsersAction) -> None:
    """`check`."""
    parser = add_command(
        commands, "check", "look an archive over: what is there, broken, missing, before `embed`"
    )
    parser.add_argument("inputs", nargs="+", metavar="DIR", help="folders to walk, or files")
    parser.add_argument(
        "--deep",
        action="store_true",
        help="decode everything: finds damage, silence, clipping and NaN, and takes its time",
    )
    parser.add_argument(
        "--out",
        metavar="PATH",
        help="write it down: FILE.csv or FILE.parquet (one row per file), FILE.json (summary), or a folder",
    )
    parser.add_argument("--json", action="store_true", help="print the summary for programs")
    parser.add_argument(
        "--all", action="store_true", help="list all that is wrong, not the first few"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the sample that is listened to")
