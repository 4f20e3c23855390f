"""Scan: which classes there are, with which photos and recordings, and all that is wrong at once."""

from __future__ import annotations

import logging
import os
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from media import AUDIO_EXTENSIONS, IMAGE_EXTENSIONS, PhotoBox

logger = logging.getLogger(__name__)

SourceOf = Callable[[Path], str]
MIN_SOURCES_PER_CLASS = 2
MAX_NAMED = 5


@dataclass(frozen=True)
class MediaFile:
    """A photo or a recording and the class it belongs to.

    Args:
        path: where the file is.
        class_index: int, into `LabelledFiles.class_names`.
        source: what it comes from (an encounter, a tape, an outing, a site): files of one source stay
            together in every split. None: its content, so that copies stay together.
        box: where in the photo the animal is, if it is to be cropped; one photo may hold several.
    """

    path: Path
    class_index: int
    source: str | None = None
    box: PhotoBox | None = None


@dataclass(frozen=True)
class Skipped:
    """A file that could not be used, and why.

    Args:
        path: the file.
        reason: what is wrong with it, in a sentence.
    """

    path: Path
    reason: str


@dataclass(frozen=True)
class LabelledFiles:
    """Photos and recordings by class. A class may have photos only, recordings only, or both.

    Args:
        class_names: sorted; in folders a class is named by its path below the scanned one
            ("house_sparrow", or "house_sparrow/blue_left_leg" where species nest individuals).
        images: photos, sorted by class and path.
        recordings: recordings, sorted by class and path.
    """

    class_names: tuple[str, ...]
    images: tuple[MediaFile, ...]
    recordings: tuple[MediaFile, ...]


def scan_folders(
    image_dir: str | Path | None = None,
    audio_dir: str | Path | None = None,
    *,
    min_sources_per_class: int = MIN_SOURCES_PER_CLASS,
    source_of: SourceOf | Literal["folder"] | None = None,
) -> LabelledFiles:
    """Finds the class folders of photos, of recordings, or of both, and checks that they can be used.

    A class is any folder that holds media files itself. Hidden files and files of other kinds are
    passed over; links are followed, and a link that leads back into its own parents is not. Classes that
    are in one of two trees only are told of, in case their names are misspelt.

    Args:
        image_dir: folder of class folders with photos, or None.
        audio_dir: folder of class folders with recordings, or None.
        min_sources_per_class: int >= 1, files of one kind that each class needs. Default 2: an anchor and
            a positive never share a file.
        source_of: names the source of a file, see `MediaFile` and `source_by_pattern`; "folder" where
            each class folder holds one folder per source: <class>/<source>/<file>. Default: the content.

    Returns:
        `LabelledFiles`, with the classes of either tree.

    Raises:
        FileNotFoundError: one of the folders does not exist.
        ValueError: both are None; or all problems in one message: no class at all, too few or empty
            files, names that differ only in case or in `_` and space, files beside class folders.
    """
    if image_dir is None and audio_dir is None:
        raise ValueError("Expected a folder of photos, of recordings, or both; received neither.")
    kinds = ((image_dir, "image", IMAGE_EXTENSIONS), (audio_dir, "recording", AUDIO_EXTENSIONS))
    roots = [None if given is None else _existing(given, f"{what}s") for given, what, _ in kinds]
    trees: list[dict[str, list[Path]]] = []
    problems: list[str] = []
    for root, (_, _, extensions) in zip(roots, kinds, strict=True):
        found = {} if root is None else _class_folders(root, extensions)
        if source_of == "folder":
            found, misplaced = _without_source_level(root, found)
            problems += misplaced
        if root is not None:
            problems += [*_empty_tree(root, found, extensions), *_nested_classes(root, found)]
        trees.append(found)
    problems += _similar_names({name for tree in trees for name in tree})
    problems += _too_few(trees, roots, min_sources_per_class)
    if problems:
        listed = "\n".join(f"  - {problem}" for problem in problems)
        named = " and ".join(f"'{root}'" for root in roots if root is not None)
        raise ValueError(
            f"{named} cannot be used yet "
            f"({len(problems)} problem{'s' if len(problems) > 1 else ''}):\n{listed}"
        )
    for root, (_, _, extensions) in zip(roots, kinds, strict=True):
        if root is not None:
            _tell_of_other_files(root, extensions)
    if None not in roots:
        _tell_of_one_kind_only(*trees)
    class_names = tuple(sorted({name for tree in trees for name in tree}))
    images, recordings = (_files(class_names, tree, source_of) for tree in trees)
    return LabelledFiles(class_names, images, recordings)


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


def _without_source_level(
    root: Path | None, folders: dict[str, list[Path]]
) -> tuple[dict[str, list[Path]], list[str]]:
    """The classes of folders <class>/<source>, and what is wrong with those that are not."""
    classes: dict[str, list[Path]] = defaultdict(list)
    problems = []
    for name, files in folders.items():
        above, _, _ = name.rpartition("/")
        if above:
            classes[above] += files
        else:
            problems.append(
                f"'{files[0]}' lies in no folder of a source. Expected "
                f"'{root}/<class>/<source>/<file>', since the folder names the source."
            )
    return dict(classes), problems


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


def _tell_of_one_kind_only(photos: dict[str, list[Path]], sounds: dict[str, list[Path]]) -> None:
    for what, names in (("photos", photos.keys() - sounds), ("recordings", sounds.keys() - photos)):
        if names:
            logger.warning("Classes with %s only (is a name misspelt?): %s.", what, named(names))


def named(names: Iterable[str]) -> str:
    """The first few names in quotes, and how many more there are."""
    ordered = sorted(names)
    shown = ", ".join(f"'{name}'" for name in ordered[:MAX_NAMED])
    more = len(ordered) - MAX_NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def _files(
    class_names: tuple[str, ...],
    folders: dict[str, list[Path]],
    source_of: SourceOf | Literal["folder"] | None,
) -> tuple[MediaFile, ...]:
    def source(path: Path, name: str) -> str | None:
        if source_of == "folder":
            return f"{name}/{path.parent.name}"
        return None if source_of is None else source_of(path)

    return tuple(
        MediaFile(path, index, source(path, name))
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


def _too_few(
    trees: list[dict[str, list[Path]]], roots: list[Path | None], minimum: int
) -> Iterable[str]:
    """Classes that have too few files of each of the kinds that they have."""
    for name in sorted({name for tree in trees for name in tree} - {"."}):
        counts = []
        for tree, root, what in zip(trees, roots, ("image", "recording"), strict=True):
            files = tree.get(name, [])
            empty = sum(path.is_file() and path.stat().st_size == 0 for path in files)
            if files and root is not None:
                counts.append((len(files) - empty, empty, what, root))
        if max(usable for usable, *_ in counts) >= minimum:
            continue
        usable, empty, what, root = max(counts)
        noted = f" (and {empty} empty)" if empty else ""
        yield (
            f"Class folder '{root / name}' has {usable} {what}{'' if usable == 1 else 's'}{noted}. "
            f"Each class needs at least {minimum}. Add one, or move the folder out of '{root}'."
        )
