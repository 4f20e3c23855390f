"""Two sides: what is trained on and what is held out, or a gallery and its queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from triplets.folders import LabelledFiles, MediaFile, Skipped, named
from triplets.prepared import PreparedFile, PreparedMedia
from triplets.splits import split_by_source

Prepare = Callable[[LabelledFiles], PreparedMedia]


def prepare_sides(
    files: LabelledFiles,
    held_out: LabelledFiles | None,
    prepare: Prepare,
    *,
    held_out_fraction: float,
    seed: int = 0,
) -> tuple[PreparedMedia, PreparedMedia]:
    """What is trained on and what is held out; what cannot be read is left out before the split.

    Args:
        files: photos and recordings, from `scan_folders`.
        held_out: the same of what is not trained on, or None to hold some of `files` out.
        prepare: decodes the files, see `prepare_media`.
        held_out_fraction: float in (0, 1), see `split_by_source`.
        seed: int, for the split.

    Returns:
        (training, held out).

    Raises:
        ValueError: something is held out of a class that is not trained on, or the classes are too small
            to split.
    """
    if held_out is None:
        return split_media(prepare(files), held_out_fraction=held_out_fraction, seed=seed)
    number = {name: index for index, name in enumerate(files.class_names)}
    strangers = [name for name in held_out.class_names if name not in number]
    if strangers:
        raise ValueError(
            f"Held-out files are of classes that are not trained on: {named(strangers)}. Leave them out, or "
            "train on files of these classes too. (To test on new classes, see split_by_class.)"
        )
    images, recordings = (
        tuple(
            replace(file, class_index=number[held_out.class_names[file.class_index]])
            for file in kind
        )
        for kind in (held_out.images, held_out.recordings)
    )
    return prepare(files), prepare(LabelledFiles(files.class_names, images, recordings))


def split_media(
    media: PreparedMedia, *, held_out_fraction: float, seed: int = 0
) -> tuple[PreparedMedia, PreparedMedia]:
    """`split_by_source` of files that are prepared already; a source is a file's content by default.

    Returns:
        (training, held out). What was skipped is told of by the first.
    """
    images, recordings = (
        tuple(MediaFile(file.path, file.class_index, file.source, file.box) for file in files)
        for files in (media.images, media.recordings)
    )
    training, held_out = split_by_source(
        LabelledFiles(media.class_names, images, recordings),
        held_out_fraction=held_out_fraction,
        seed=seed,
    )

    def side(files: LabelledFiles, skipped: tuple[Skipped, ...]) -> PreparedMedia:
        kept = {file.path for file in (*files.images, *files.recordings)}
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
    """A gallery and queries of the same classes, with no source on both sides.

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
        ValueError: a class has photos, or recordings, of one source only (all such classes in one
            message), or the fraction is out of range.
    """
    if not 0 < query_fraction < 1:
        raise ValueError(f"Expected query_fraction in (0, 1), received {query_fraction}.")
    rng = np.random.default_rng(seed)
    asks: dict[str, bool] = {}
    problems: list[str] = []
    for kind, files in (("photo", media.images), ("recording", media.recordings)):
        for class_index, name in enumerate(media.class_names):
            sources = [file.source for file in files if file.class_index == class_index]
            if sources and not _choose(list(dict.fromkeys(sources)), query_fraction, rng, asks):
                problems.append(f"class '{name}' has {kind}s of {len(set(sources))} sources")
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise ValueError(
            "Each class needs photos (or recordings) in the gallery and others that ask: of at least two "
            f"sources, not shared with another class. Add files, or leave the class out:{listed}"
        )

    def side(is_query: bool) -> PreparedMedia:
        def kept(files: Sequence[PreparedFile]) -> tuple[PreparedFile, ...]:
            return tuple(file for file in files if asks[file.source] == is_query)

        return replace(media, images=kept(media.images), recordings=kept(media.recordings))

    return side(False), replace(side(True), skipped=())


def _choose(
    sources: list[str], query_fraction: float, rng: np.random.Generator, asks: dict[str, bool]
) -> bool:
    """Decides which sources ask, those apart that are decided; whether both sides got some."""
    if len(sources) >= 2:
        num_asking = int(np.clip(round(query_fraction * len(sources)), 1, len(sources) - 1))
        for position, index in enumerate(rng.permutation(len(sources))):
            asks.setdefault(sources[index], position < num_asking)
    return len({asks.get(source) for source in sources}) == 2
