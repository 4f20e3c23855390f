"""Splits: what is trained on and what is held out, with no source on both sides."""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

from triplets.folders import MIN_SOURCES_PER_CLASS, LabelledFiles, MediaFile, named

logger = logging.getLogger(__name__)


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
    files: LabelledFiles, *, held_out_fraction: float = 0.25, seed: int = 0
) -> tuple[LabelledFiles, LabelledFiles]:
    """No source on both sides, and every class on both where it can be: for known species or individuals.

    A class needs three sources of photos to have some held out, and likewise of recordings; of one that
    has fewer all are trained on, which is told. So it is where a source holds several classes and would
    leave one of them fewer than two to train on.

    Args:
        files: from `scan_folders`, which names the sources.
        held_out_fraction: float in (0, 1), of each class's photos' and recordings' sources; at least
            one is held out and at least two stay. Default 0.25.
        seed: the same seed gives the same split.

    Returns:
        (training, held out).

    Raises:
        ValueError: no class has three sources.
    """
    if not 0 < held_out_fraction < 1:
        raise ValueError(f"Expected held_out_fraction in (0, 1), received {held_out_fraction}.")
    rng = np.random.default_rng(seed)
    kinds = {"photos": files.images, "recordings": files.recordings}
    source_of = {
        file.path: file.source or content_source(file.path)
        for file in (*files.images, *files.recordings)
    }
    sources = {what: _sources_by_class(kind, source_of) for what, kind in kinds.items()}
    is_held_out: dict[str, bool] = {}  # of sources: one of a photo and a recording is decided once
    for by_class in sources.values():
        for _, names in sorted(by_class.items()):
            if len(names) > MIN_SOURCES_PER_CLASS:
                wanted = round(held_out_fraction * len(names))
                num_out = int(np.clip(wanted, 1, len(names) - MIN_SOURCES_PER_CLASS))
                _decide(names, num_out, rng, is_held_out)
    _leave_enough_to_train_on(sources, is_held_out)
    _tell_of_untested(files.class_names, sources, is_held_out)

    def side(of_held_out: bool) -> LabelledFiles:
        images, recordings = (
            tuple(
                file for file in kind if is_held_out.get(source_of[file.path], False) == of_held_out
            )
            for kind in kinds.values()
        )
        return LabelledFiles(files.class_names, images, recordings)

    return side(False), side(True)


def split_by_class(
    folders: LabelledFiles, *, held_out_fraction: float = 0.25, seed: int = 0
) -> tuple[LabelledFiles, LabelledFiles]:
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


def _only_classes(folders: LabelledFiles, classes: set[int]) -> LabelledFiles:
    new_index = {old: new for new, old in enumerate(sorted(classes))}

    def keep(files: tuple[MediaFile, ...]) -> tuple[MediaFile, ...]:
        return tuple(
            replace(file, class_index=new_index[file.class_index])
            for file in files
            if file.class_index in new_index
        )

    names = tuple(folders.class_names[index] for index in sorted(classes))
    return LabelledFiles(names, keep(folders.images), keep(folders.recordings))


def _sources_by_class(
    files: tuple[MediaFile, ...], source_of: dict[Path, str]
) -> dict[int, list[str]]:
    found: dict[int, dict[str, None]] = defaultdict(dict)  # dicts keep the order of the files
    for file in files:
        found[file.class_index][source_of[file.path]] = None
    return {index: list(names) for index, names in found.items()}


def _decide(
    names: list[str], num_out: int, rng: np.random.Generator, is_held_out: dict[str, bool]
) -> None:
    """Holds `num_out` of the sources out, those included that were held out before."""
    free = [name for name in names if name not in is_held_out]
    num_free_out = max(num_out - sum(is_held_out.get(name, False) for name in names), 0)
    chosen = set(rng.permutation(len(free))[:num_free_out].tolist())
    is_held_out.update({name: index in chosen for index, name in enumerate(free)})


def _leave_enough_to_train_on(
    sources: dict[str, dict[int, list[str]]], is_held_out: dict[str, bool]
) -> None:
    """Takes sources back that another class, or the other modality, has held out."""
    for by_class in sources.values():
        for names in by_class.values():
            out = [name for name in names if is_held_out.get(name)]
            num_kept = len(names) - len(out)
            missing = min(MIN_SOURCES_PER_CLASS, len(names)) - num_kept
            is_held_out.update(dict.fromkeys(out[: max(missing, 0)], False))


def _tell_of_untested(
    class_names: tuple[str, ...],
    sources: dict[str, dict[int, list[str]]],
    is_held_out: dict[str, bool],
) -> None:
    is_any_tested = False
    for what, by_class in sources.items():
        untested = [
            class_names[index]
            for index, names in by_class.items()
            if not any(is_held_out.get(name) for name in names)
        ]
        is_any_tested |= len(untested) < len(by_class)
        if untested:
            logger.warning(
                "None of the %s of %d of %d classes are held out, so that nothing is said of how well they "
                "are told apart: they have fewer than %d sources, or share them with others: %s.",
                *(what, len(untested), len(by_class), MIN_SOURCES_PER_CLASS + 1, named(untested)),
            )
    if not is_any_tested:
        raise ValueError(
            "The classes are too small to hold some files out: none has "
            f"{MIN_SOURCES_PER_CLASS + 1} photos, or as many recordings, of different sources (files of one "
            "source, or of one content, count as one). Add files, or give held-out folders of your own."
        )
