"""`fused-encoder merge`: what several machines embedded becomes one archive."""

from __future__ import annotations

import argparse

from app.cli.destination import check_destination
from app.cli.main import DONE
from archives.embed.merge_archives import merge_archives
from archives.embed.shards import SHARDS_FOLDER


def run(options: argparse.Namespace) -> int:
    """Joins the folders."""
    check_destination(options.out, SHARDS_FOLDER)
    merged = merge_archives(options.folders, options.out)
    print(
        f"{len(merged.files):,} files, {merged.num_embeddings:,} embeddings of {len(options.folders)} folders"
        f" in '{options.out}'."
    )
    return DONE
