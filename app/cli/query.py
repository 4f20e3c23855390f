"""`fused-encoder query`: what in an index resembles a photo, a call, or both."""

from __future__ import annotations

import argparse

from app.cli.index import recall_of
from app.cli.options import add_command, add_encoder, switch, value
from app.cli.outcome import DONE, import_tensorflow_quietly, table


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(commands, "query", "find what resembles a photo, a call, or both")
    value(parser, "index", str, "INDEX", "that `index build` wrote")
    add_encoder(parser)
    value(parser, "--image", str, "FILE", "a photo")
    value(parser, "--recording", str, "FILE", "a call")
    value(parser, "-k", 5, None, "how many neighbours", least=1)
    switch(parser, "--approximate", "faster, may miss some; see `index approximate`")


def run(options: argparse.Namespace) -> int:
    """Prints the nearest rows."""
    import_tensorflow_quietly()
    from inference import Embedder, EmbeddingIndex

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
