"""`fused-encoder query`: what in an index resembles a photo, a call, or both."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.index import recall_of
from app.cli.options import add_command, add_encoder, switch, value
from app.cli.outcome import DONE, import_tensorflow_quietly, table

if TYPE_CHECKING:
    from inference import Hit
    from inference.matching import RankedHit
    from media import PhotoBox


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(commands, "query", "find what resembles a photo, a call, or both")
    value(parser, "index", str, "INDEX", "that `index build` wrote")
    add_encoder(parser)
    value(parser, "--image", str, "FILE", "a photo")
    value(parser, "--recording", str, "FILE", "a call")
    box = "where the animal is in --image, in pixels, for an index of crops (default: all of it)"
    parser.add_argument("--box", type=_box, metavar="LEFT,TOP,WIDTH,HEIGHT", help=box)
    value(parser, "-k", 5, None, "how many neighbours", least=1)
    switch(parser, "--approximate", "faster, may miss some; see `index approximate`")
    group = parser.add_argument_group("photos compared in detail")
    rerank = (
        "what `calibrate --matching` wrote: the nearest photos are compared with --image point by point, and "
        "ranked by both"
    )
    value(group, "--rerank", str, "FILE.json", rerank)
    value(group, "--shortlist", 50, "N", "how many of the nearest are compared", least=1)
    value(group, "--matches", str, "FILE.jpg", "a picture of the first -k, with what they share")


def run(options: argparse.Namespace) -> int:
    """Prints the nearest rows."""
    _check_rerank(options)
    import_tensorflow_quietly()
    from inference import Embedder, EmbeddingIndex, PhotoCrop

    with EmbeddingIndex.open(options.index, create=False) as index:
        embedder = Embedder.load(options.encoder)
        image = options.image
        if options.box:
            image = PhotoCrop(Path(options.image), options.box)
        embedding, _, skipped = embedder.embed_readable([image], [options.recording])
        if skipped:
            raise ValueError(f"cannot read '{skipped[0].path}': {skipped[0].reason}")
        num = max(options.k, options.shortlist) if options.rerank else options.k
        (hits,) = index.search(embedding, num, approximate=options.approximate)
        if options.approximate:
            print(recall_of(index.approximation))
    if options.rerank:
        return _print_ranked(options, hits, embedder.fingerprint)
    rows = [
        (rank, hit.similarity, hit.metadata.get("class") or "", hit.id)
        for rank, hit in enumerate(hits, 1)
    ]
    print(table(rows, ("rank", "similarity", "class", "id")))
    return DONE


def _box(text: str) -> PhotoBox:
    left, top, width, height = map(float, text.split(","))
    return left, top, width, height


_box.__name__ = "box"  # argparse names it where the text is none


def _check_rerank(options: argparse.Namespace) -> None:
    """Refuses what cannot be asked, before anything is loaded."""
    if options.box and not options.image:
        raise ValueError("--box is of --image. Add --image FILE, or leave --box out.")
    if not options.rerank:
        if options.matches:
            raise ValueError("--matches shows what --rerank compares. Add --rerank FILE.json.")
        return
    if not options.image:
        raise ValueError("--rerank compares photos. Add --image FILE, or leave --rerank out.")
    if options.matches and Path(options.matches).suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise ValueError(f"Expected --matches FILE.jpg or FILE.png, received '{options.matches}'.")
    if not Path(options.rerank).is_file():
        raise FileNotFoundError(
            f"There is no file '{options.rerank}'. Expected what `fused-encoder calibrate --matching "
            "FILE.json` wrote."
        )


def _print_ranked(options: argparse.Namespace, hits: Sequence[Hit], fingerprint: str | None) -> int:
    from inference.matching import load_match_calibration, rerank

    calibration = load_match_calibration(options.rerank)
    calibration.check_fingerprint(fingerprint)
    with_photo = [hit for hit in hits if hit.metadata.get("image")]
    ranked = rerank(options.image, with_photo, calibration, box=options.box)[: options.k]
    rows = [
        (
            rank,
            one.probability,
            one.hit.similarity,
            len(one.match),
            one.hit.metadata.get("class") or "",
            one.hit.id,
        )
        for rank, one in enumerate(ranked, 1)
    ]
    print(table(rows, ("rank", "probability", "similarity", "shared points", "class", "id")))
    if left_out := len(hits) - len(with_photo):
        print(f"{left_out} of the {len(hits)} nearest have no photo and were not compared.")
    if options.matches:
        _save_matches(options, ranked)
    return DONE


def _save_matches(options: argparse.Namespace, ranked: Sequence[RankedHit]) -> None:
    """The query beside each hit, one below the other."""
    import numpy as np

    from inference.matching import draw_match
    from media import load_image, save_image

    asking = load_image(options.image, options.box)
    pictures = [draw_match(asking, load_image(one.photo, one.box), one.match) for one in ranked]
    width = max(picture.shape[1] for picture in pictures)
    edges = [((2, 2), (0, width - picture.shape[1]), (0, 0)) for picture in pictures]
    rows = [
        np.pad(picture, edge, constant_values=255)
        for picture, edge in zip(pictures, edges, strict=True)
    ]
    save_image(options.matches, np.concatenate(rows))
    print(f"The matches are drawn in '{options.matches}'.")
