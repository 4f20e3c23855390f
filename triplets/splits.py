"""Splits: what is trained on and what is held out, with no source on both sides."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from triplets.folders import MIN_SOURCES_PER_CLASS, MediaFile, PairedFolders


def content_source(path: Path) -> str:
    """The file's content, as SHA-256 in hex: copies of a file are one source.

    A file that cannot be opened is a source of its own; it is skipped and listed when it is decoded.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return str(path)


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
        source_of: names the source of a file. Files of one source stay together, photos and recordings
            alike. Default: the file's content; pass your own where several files come from one outing,
            video or recorder.
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
    is_held_out: dict[str, bool] = {}  # of sources: one of a photo and a recording is decided once
    split = partial(
        _split_files,
        class_names=folders.class_names,
        held_out_fraction=held_out_fraction,
        source_of=source_of,
        rng=rng,
        is_held_out=is_held_out,
        problems=problems,
    )
    sides = [
        split(files, what)
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
    *,
    class_names: tuple[str, ...],
    held_out_fraction: float,
    source_of: Callable[[Path], str],
    rng: np.random.Generator,
    is_held_out: dict[str, bool],
    problems: list[str],
) -> tuple[tuple[MediaFile, ...], tuple[MediaFile, ...]]:
    sources: dict[int, dict[str, None]] = defaultdict(dict)  # dicts keep the order of the files
    source_of_file = [source_of(file.path) for file in files]
    for file, source in zip(files, source_of_file, strict=True):
        sources[file.class_index][source] = None
    for class_index, names in sorted(sources.items()):
        if len(names) <= MIN_SOURCES_PER_CLASS:
            problems.append(
                f"class '{class_names[class_index]}' has {len(names)} {what}s of different sources, "
                f"at least {MIN_SOURCES_PER_CLASS + 1} are needed"
            )
            continue
        wanted = round(held_out_fraction * len(names))
        num_out = int(np.clip(wanted, 1, len(names) - MIN_SOURCES_PER_CLASS))
        _decide(list(names), num_out, rng, is_held_out)
        num_out = sum(is_held_out[name] for name in names)
        if not 1 <= num_out <= len(names) - MIN_SOURCES_PER_CLASS:
            problems.append(
                f"class '{class_names[class_index]}' shares sources of its {what}s with other classes "
                f"or with its photos, so that {num_out} of {len(names)} would be held out: at least 1 "
                f"is needed, and {MIN_SOURCES_PER_CLASS} to train on"
            )
    paired = list(zip(files, source_of_file, strict=True))
    return (
        tuple(file for file, source in paired if not is_held_out.get(source)),
        tuple(file for file, source in paired if is_held_out.get(source)),
    )


def _decide(
    names: list[str], num_out: int, rng: np.random.Generator, is_held_out: dict[str, bool]
) -> None:
    """Holds `num_out` of the sources out, those included that were held out before."""
    free = [name for name in names if name not in is_held_out]
    num_free_out = max(num_out - sum(is_held_out.get(name, False) for name in names), 0)
    chosen = set(rng.permutation(len(free))[:num_free_out].tolist())
    is_held_out.update({name: index in chosen for index, name in enumerate(free)})
