"""`fused-encoder index`: embeddings to a queryable index."""

from __future__ import annotations

import argparse

from app.cli import DONE
from inference.embedding_file import load_embeddings
from inference.index import EmbeddingIndex


def run(options: argparse.Namespace) -> int:
    """Builds an index or says what it holds."""
    return {"build": _build, "info": _info}[options.action](options)


def _build(options: argparse.Namespace) -> int:
    files = {path: load_embeddings(path) for path in options.embeddings}  # before an index is made
    with EmbeddingIndex.open(options.index) as index:
        for path, rows in files.items():
            new = index.add(rows.ids, rows.embeddings, rows.metadata)
            print(f"{new} new of {len(rows.ids)} rows from '{path}'.")
        print(f"'{options.index}' holds {len(index)} embeddings.")
    return DONE


def _info(options: argparse.Namespace) -> int:
    with EmbeddingIndex.open(options.index, create=False) as index:
        print(f"embeddings      {len(index)}")
        print(f"embedding size  {index.embedding_size}")
        print(f"encoder         {index.fingerprint or 'unknown'}")
    return DONE
