"""`fused-encoder merge`: embeddings of several machines or runs become one folder."""

from __future__ import annotations

import argparse

from app.cli.options import add_command, value
from app.cli.outcome import DONE, check_destination


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(commands, "merge", "join embeddings of several machines or runs")
    value(parser, "folders", str, "DIR", "that `embed --out` wrote", nargs="+")
    value(parser, "--out", str, "DIR", "where all of them go", required=True)


def run(options: argparse.Namespace) -> int:
    """Joins the folders."""
    from archives import merge_archives
    from archives.embed.shards import SHARDS_FOLDER

    check_destination(options.out, SHARDS_FOLDER)
    merged = merge_archives(options.folders, options.out)
    print(
        f"{len(merged.files):,} files, {merged.num_embeddings:,} embeddings of {len(options.folders)} folders"
        f" in '{options.out}'."
    )
    return DONE
