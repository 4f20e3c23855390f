"""Splits: what is trained on and what is held out, with no source on both sides."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from triplets.folders import MIN_SOURCES_PER_CLASS, MediaFile, PairedFolders


def content_source(path: Path) -> str:
    """The file's content, as SHA-256 in hex: copies of a file are one source."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def split_by_source(
    folders: PairedFolders,
    *,
    held_out_fraction: float = 0.25,
    source_of: Callable[[Path], str] = content_source,
    seed: int = 0,
) -> tuple[PairedFolders, PairedFolders]:
    """Every class on both sides, no source on both sides: for known species or individuals.

    Args:
        folders: from `scan_folders`.
        held_out_fraction: float in (0, 1), of each class's photos' and recordings' sources; at least
            one is held out and at least two stay. Default 0.25.
        source_of: names the source of a file. Files of one source stay together. Default: the file's
            content; pass your own where several files come from one outing, video or recorder.
        seed: the same seed gives the same split.

    Returns:
        (training, held out).

    Raises:
        ValueError: a class has fewer than three sources (all such classes in one message).
    """
    if not 0 < held_out_fraction < 1:
        raise ValueError(f"Expected held_out_fraction in (0, 1), received {held_out_fraction}.")
    rng = np.random.default_rng(seed)
    problems: list[str] = []
    sides = [
        _split_files(files, what, folders.class_names, held_out_fraction, source_of, rng, problems)
        for what, files in (("photo", folders.images), ("recording", folders.recordings))
    ]
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise ValueError(f"The classes are too small to hold some files out:{listed}")
    (image_in, image_out), (audio_in, audio_out) = sides
    return (
        PairedFolders(folders.class_names, image_in, audio_in),
        PairedFolders(folders.class_names, image_out, audio_out),
    )


def split_by_class(
    folders: PairedFolders, *, held_out_fraction: float = 0.25, seed: int = 0
) -> tuple[PairedFolders, PairedFolders]:
    """Every class on one side only: for species or individuals that were never trained on.

    Args:
        folders: from `scan_folders`.
        held_out_fraction: float in (0, 1), of the classes; at least one on each side. Default 0.25.
        seed: the same seed gives the same split.

    Returns:
        (training, held out), each with its own class names.

    Raises:
        ValueError: there are fewer than two classes.
    """
    num_classes = len(folders.class_names)
    if not 0 < held_out_fraction < 1:
        raise ValueError(f"Expected held_out_fraction in (0, 1), received {held_out_fraction}.")
    if num_classes < 2:
        raise ValueError(f"Expected at least two classes to split, received {num_classes}.")
    num_out = int(np.clip(round(held_out_fraction * num_classes), 1, num_classes - 1))
    out = set(np.random.default_rng(seed).permutation(num_classes)[:num_out].tolist())
    return _only_classes(folders, set(range(num_classes)) - out), _only_classes(folders, out)


def _only_classes(folders: PairedFolders, classes: set[int]) -> PairedFolders:
    new_index = {old: new for new, old in enumerate(sorted(classes))}

    def keep(files: tuple[MediaFile, ...]) -> tuple[MediaFile, ...]:
        return tuple(
            MediaFile(file.path, new_index[file.class_index])
            for file in files
            if file.class_index in new_index
        )

    names = tuple(folders.class_names[index] for index in sorted(classes))
    return PairedFolders(names, keep(folders.images), keep(folders.recordings))


def _split_files(
    files: tuple[MediaFile, ...],
    what: str,
    class_names: tuple[str, ...],
    held_out_fraction: float,
    source_of: Callable[[Path], str],
    rng: np.random.Generator,
    problems: list[str],
) -> tuple[tuple[MediaFile, ...], tuple[MediaFile, ...]]:
    sources: dict[int, dict[str, None]] = defaultdict(dict)  # dicts keep the order of the files
    source_of_file = [source_of(file.path) for file in files]
    for file, source in zip(files, source_of_file, strict=True):
        sources[file.class_index][source] = None
    held_out: set[str] = set()
    for class_index, names in sorted(sources.items()):
        if len(names) <= MIN_SOURCES_PER_CLASS:
            problems.append(
                f"class '{class_names[class_index]}' has {len(names)} {what}s of different sources, "
                f"at least {MIN_SOURCES_PER_CLASS + 1} are needed"
            )
            continue
        wanted = round(held_out_fraction * len(names))
        num_out = int(np.clip(wanted, 1, len(names) - MIN_SOURCES_PER_CLASS))
        held_out.update(np.array(list(names))[rng.permutation(len(names))[:num_out]].tolist())
    paired = list(zip(files, source_of_file, strict=True))
    return (
        tuple(file for file, source in paired if source not in held_out),
        tuple(file for file, source in paired if source in held_out),
    )
