"""Two sides: what is trained on and what is held out, or a gallery and its queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from triplets.folders import MediaFile, PairedFolders
from triplets.prepared import PreparedFile, PreparedMedia, Skipped
from triplets.splits import split_by_source

SourceOf = Callable[[Path], str]


def source_name(file: PreparedFile, source_of: SourceOf | None) -> str:
    """What a file comes from: what the caller says, else its content."""
    return file.content if source_of is None else source_of(file.path)


def split_media(
    media: PreparedMedia,
    *,
    held_out_fraction: float,
    source_of: SourceOf | None = None,
    seed: int = 0,
) -> tuple[PreparedMedia, PreparedMedia]:
    """`split_by_source` of files that are prepared already; a source is a file's content by default.

    Returns:
        (training, held out). What was skipped is told of by the first.
    """
    content = {file.path: file.content for file in (*media.images, *media.recordings)}
    images, recordings = (
        tuple(MediaFile(file.path, file.class_index) for file in files)
        for files in (media.images, media.recordings)
    )
    training, held_out = split_by_source(
        PairedFolders(media.class_names, images, recordings),
        held_out_fraction=held_out_fraction,
        source_of=source_of or content.__getitem__,
        seed=seed,
    )

    def side(folders: PairedFolders, skipped: tuple[Skipped, ...]) -> PreparedMedia:
        kept = {file.path for file in (*folders.images, *folders.recordings)}
        return replace(
            media,
            images=tuple(file for file in media.images if file.path in kept),
            recordings=tuple(file for file in media.recordings if file.path in kept),
            skipped=skipped,
        )

    return side(training, media.skipped), side(held_out, ())


def split_gallery_queries(
    media: PreparedMedia, *, query_fraction: float = 0.5, seed: int = 0
) -> tuple[PreparedMedia, PreparedMedia]:
    """A gallery and queries of the same classes, with no file's content on both sides.

    For `evaluate_encoder` on classes that the encoder was not trained on: split the classes with
    `split_by_class`, train on the one part, and ask the other part among itself.

    Args:
        media: prepared photos and recordings.
        query_fraction: float in (0, 1), of each class's photos and of its recordings; at least one of
            each kind is on either side. Default 0.5.
        seed: the same seed gives the same split.

    Returns:
        (gallery, queries), both with all the class names.

    Raises:
        ValueError: a class has fewer than two photos or recordings of different content (all such
            classes in one message), or the fraction is out of range.
    """
    if not 0 < query_fraction < 1:
        raise ValueError(f"Expected query_fraction in (0, 1), received {query_fraction}.")
    rng = np.random.default_rng(seed)
    asks: dict[str, bool] = {}
    problems: list[str] = []
    for kind, files in (("photo", media.images), ("recording", media.recordings)):
        for class_index, name in enumerate(media.class_names):
            contents = [file.content for file in files if file.class_index == class_index]
            if not _choose(list(dict.fromkeys(contents)), query_fraction, rng, asks):
                problems.append(
                    f"class '{name}' has {len(set(contents))} {kind}s of different content"
                )
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise ValueError(
            "Each class needs a photo and a recording in the gallery and others that ask: at least two "
            f"of each, not shared with another class. Add files, or leave the class out:{listed}"
        )

    def side(is_query: bool) -> PreparedMedia:
        def kept(files: Sequence[PreparedFile]) -> tuple[PreparedFile, ...]:
            return tuple(file for file in files if asks[file.content] == is_query)

        return replace(media, images=kept(media.images), recordings=kept(media.recordings))

    return side(False), replace(side(True), skipped=())


def _choose(
    contents: list[str], query_fraction: float, rng: np.random.Generator, asks: dict[str, bool]
) -> bool:
    """Decides which contents ask, those apart that are decided; whether both sides got some."""
    if len(contents) >= 2:
        num_asking = int(np.clip(round(query_fraction * len(contents)), 1, len(contents) - 1))
        for position, index in enumerate(rng.permutation(len(contents))):
            asks.setdefault(contents[index], position < num_asking)
    return len({asks.get(content) for content in contents}) == 2
