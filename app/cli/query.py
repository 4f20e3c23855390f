"""`fused-encoder query`: what in the index resembles a photo and a call."""

from __future__ import annotations

import argparse

from app.cli.index import recall_of
from app.cli.main import DONE
from app.cli.outcome import table
from inference import Embedder
from inference.index import EmbeddingIndex


def run(options: argparse.Namespace) -> int:
    """Prints the nearest rows."""
    if not (options.image or options.recording):
        raise ValueError("Expected --image, --recording or both, received neither.")
    with EmbeddingIndex.open(options.index, create=False) as index:
        embedder = Embedder.load(options.encoder)
        embedding, _, skipped = embedder.embed_readable([options.image], [options.recording])
        if skipped:
            raise ValueError(f"cannot read '{skipped[0].path}': {skipped[0].reason}")
        (hits,) = index.search(embedding, options.k, approximate=options.approximate)
        if options.approximate:
            print(recall_of(index.approximation))
    rows = [
        (rank, hit.similarity, hit.metadata.get("class") or "", hit.id)
        for rank, hit in enumerate(hits, 1)
    ]
    print(table(rows, ("rank", "similarity", "class", "id")))
    return DONE
