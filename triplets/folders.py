"""Scan: which classes there are, with which photos and recordings, and all that is wrong at once."""

from __future__ import annotations

import logging
import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from media import AUDIO_EXTENSIONS, IMAGE_EXTENSIONS

logger = logging.getLogger(__name__)

MIN_SOURCES_PER_CLASS = 2


@dataclass(frozen=True)
class MediaFile:
    """A photo or a recording and the class it belongs to.

    Args:
        path: where the file is.
        class_index: int, into `PairedFolders.class_names`.
    """

    path: Path
    class_index: int


@dataclass(frozen=True)
class PairedFolders:
    """The photos and the recordings of the same classes.

    Args:
        class_names: sorted; a class is a folder, named by its path below the scanned one
            ("house_sparrow", or "house_sparrow/blue_left_leg" where species nest individuals).
        images: photos, sorted by class and path.
        recordings: recordings, sorted by class and path.
    """

    class_names: tuple[str, ...]
    images: tuple[MediaFile, ...]
    recordings: tuple[MediaFile, ...]


def scan_folders(
    image_dir: str | Path,
    audio_dir: str | Path,
    *,
    min_sources_per_class: int = MIN_SOURCES_PER_CLASS,
) -> PairedFolders:
    """Finds the class folders in both trees and checks that they can be trained on.

    A class is any folder that holds media files itself. Hidden files and files of other kinds are
    passed over; links are followed, and a link that leads back into its own parents is not.

    Args:
        image_dir: folder of class folders with photos.
        audio_dir: folder of class folders with recordings.
        min_sources_per_class: int >= 1, photos and recordings that each class needs. Default 2: an
            anchor and a positive never share a file.

    Returns:
        `PairedFolders`.

    Raises:
        FileNotFoundError: one of the folders does not exist.
        ValueError: all problems in one message: no class at all, a class in one tree only, too few or
            empty files, names that differ only in case or in `_` and space, files beside class folders.
    """
    image_root, audio_root = _existing(image_dir, "images"), _existing(audio_dir, "recordings")
    photos = _class_folders(image_root, IMAGE_EXTENSIONS)
    sounds = _class_folders(audio_root, AUDIO_EXTENSIONS)
    problems = [
        *_empty_tree(image_root, photos, IMAGE_EXTENSIONS),
        *_empty_tree(audio_root, sounds, AUDIO_EXTENSIONS),
        *_nested_classes(image_root, photos),
        *_nested_classes(audio_root, sounds),
        *_similar_names({*photos, *sounds}),
        *_one_tree_only(image_root, audio_root, photos, sounds),
        *_too_few(image_root, photos, min_sources_per_class, "image"),
        *_too_few(audio_root, sounds, min_sources_per_class, "recording"),
    ]
    if problems:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        raise ValueError(
            f"The folders '{image_root}' and '{audio_root}' cannot be used yet "
            f"({len(problems)} problem{'s' if len(problems) > 1 else ''}):\n{listed}"
        )
    _tell_of_other_files(image_root, IMAGE_EXTENSIONS)
    _tell_of_other_files(audio_root, AUDIO_EXTENSIONS)
    class_names = tuple(sorted(photos))
    return PairedFolders(class_names, _files(class_names, photos), _files(class_names, sounds))


def scan_any_folders(
    image_dir: str | Path | None = None, audio_dir: str | Path | None = None
) -> PairedFolders:
    """Finds the class folders of photos, of recordings, or of both, where nothing is to be trained.

    As `scan_folders`, but a class may have files of one kind only, and any number of them.

    Args:
        image_dir: folder of class folders with photos, or None.
        audio_dir: folder of class folders with recordings, or None.

    Returns:
        `PairedFolders`, with the classes of either tree.

    Raises:
        FileNotFoundError: one of the folders does not exist.
        ValueError: both are None; or all problems in one message, as `scan_folders`.
    """
    if image_dir is None and audio_dir is None:
        raise ValueError("Expected a folder of photos, of recordings, or both; received neither.")
    kinds = ((image_dir, "images", IMAGE_EXTENSIONS), (audio_dir, "recordings", AUDIO_EXTENSIONS))
    trees: list[dict[str, list[Path]]] = []
    problems: list[str] = []
    for directory, what, extensions in kinds:
        found = {}
        if directory is not None:
            root = _existing(directory, what)
            found = _class_folders(root, extensions)
            problems += [*_empty_tree(root, found, extensions), *_nested_classes(root, found)]
            _tell_of_other_files(root, extensions)
        trees.append(found)
    photos, sounds = trees
    problems += _similar_names({*photos, *sounds})
    if problems:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        raise ValueError(f"The folders cannot be used yet:\n{listed}")
    class_names = tuple(sorted({*photos, *sounds}))
    return PairedFolders(class_names, _files(class_names, photos), _files(class_names, sounds))


def _existing(directory: str | Path, what: str) -> Path:
    path = Path(directory)
    if not path.is_dir():
        raise FileNotFoundError(
            f"No folder of {what} at '{path}'. Expected a folder with one sub-folder per class "
            "(a species or an individual)."
        )
    return path


def _class_folders(root: Path, extensions: frozenset[str]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for folder, subfolders, names in os.walk(root, followlinks=True):
        if _leads_into_its_parents(Path(folder), root):
            subfolders.clear()
            continue
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        files = sorted(
            Path(folder, name)
            for name in names
            if not name.startswith(".") and Path(name).suffix.lower() in extensions
        )
        if files:
            found[Path(folder).relative_to(root).as_posix()] = files
    return found


def _leads_into_its_parents(folder: Path, root: Path) -> bool:
    parents = folder.parents[: len(folder.relative_to(root).parts)]
    return os.path.realpath(folder) in map(os.path.realpath, parents)


def _tell_of_other_files(root: Path, extensions: frozenset[str]) -> None:
    """Warns of files whose kind is not read, such as HEIC and RAW photos; how many of each."""
    others = Counter(
        path.suffix.lower() or "(no extension)"
        for path in root.rglob("*")
        if path.is_file() and not path.name.startswith(".")
        if path.suffix.lower() not in extensions
    )
    if others:
        listed = ", ".join(f"{number} {kind}" for kind, number in sorted(others.items()))
        logger.warning(
            "Passed over in '%s', for their kind is not read here: %s. Read are %s.",
            *(root, listed, " ".join(sorted(extensions))),
        )


def _files(class_names: tuple[str, ...], folders: dict[str, list[Path]]) -> tuple[MediaFile, ...]:
    return tuple(
        MediaFile(path, index)
        for index, name in enumerate(class_names)
        for path in folders.get(name, ())
    )


def _empty_tree(
    root: Path, folders: dict[str, list[Path]], extensions: frozenset[str]
) -> Iterable[str]:
    if not folders:
        yield (
            f"'{root}' holds no class folder with any of {' '.join(sorted(extensions))}. "
            "Expected one sub-folder per class."
        )


def _nested_classes(root: Path, folders: dict[str, list[Path]]) -> Iterable[str]:
    for name in sorted(folders):
        if name == ".":
            yield (
                f"'{root}' holds {len(folders[name])} files beside its class folders, such as "
                f"'{folders[name][0].name}'. Move each into the folder of its class."
            )
        elif any(other.startswith(f"{name}/") for other in folders):
            yield (
                f"Class folder '{root / name}' holds both files and further class folders. "
                "Move its files into one of them, or the folders out."
            )


def _similar_names(names: set[str]) -> Iterable[str]:
    spelled = defaultdict(set)
    for name in names:
        composed = unicodedata.normalize("NFC", name)  # archives from macOS are decomposed
        spelled[composed.casefold().replace("_", " ").replace("-", " ")].add(name)
    for variants in sorted(sorted(v) for v in spelled.values() if len(v) > 1):
        quoted = " and ".join(f"'{name}'" for name in variants)
        yield f"The class names {quoted} differ only in case, '_', '-', space or Unicode form. Rename to one."


def _one_tree_only(
    image_root: Path, audio_root: Path, photos: dict[str, list[Path]], sounds: dict[str, list[Path]]
) -> Iterable[str]:
    if not photos or not sounds:
        return
    for name in sorted((photos.keys() ^ sounds.keys()) - {"."}):
        here, there, what = (
            (image_root, audio_root, "recording")
            if name in photos
            else (audio_root, image_root, "image")
        )
        yield (
            f"Class folder '{here / name}' has no counterpart with {what}s. Add at least one file "
            f"to '{there / name}', or move the class out of '{here}'."
        )


def _too_few(root: Path, folders: dict[str, list[Path]], minimum: int, what: str) -> Iterable[str]:
    for name in sorted(folders.keys() - {"."}):
        empty = [path for path in folders[name] if path.is_file() and path.stat().st_size == 0]
        usable = len(folders[name]) - len(empty)
        if usable < minimum:
            noted = f" (and {len(empty)} empty)" if empty else ""
            yield (
                f"Class folder '{root / name}' has {usable} {what}{'' if usable == 1 else 's'}{noted}. "
                f"Each class needs at least {minimum}. Add one, or move the folder out of '{root}'."
            )
