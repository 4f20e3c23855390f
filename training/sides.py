"""Two sides: what is trained on, and what is held out of the same classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from triplets.folders import MediaFile, PairedFolders, scan_folders
from triplets.prepared import PreparedMedia, Skipped
from triplets.splits import split_by_source

Folders = tuple[str | Path, str | Path]
Prepare = Callable[[PairedFolders], PreparedMedia]
SourceOf = Callable[[Path], str]


def prepare_sides(
    folders: Folders,
    held_out: Folders | None,
    prepare: Prepare,
    *,
    held_out_fraction: float,
    source_of: SourceOf | None = None,
    seed: int = 0,
) -> tuple[PreparedMedia, PreparedMedia]:
    """What is trained on and what is held out; what cannot be read is left out before the split.

    Args:
        folders: of photos and of recordings, each with one sub-folder per class.
        held_out: the same of what is not trained on, or None to hold some of `folders` out.
        prepare: decodes the files, see `prepare_media`.
        held_out_fraction: float in (0, 1), see `split_by_source`.
        source_of: see `split_by_source`. Default: the file's content.
        seed: int, for the split.

    Returns:
        (training, held out).

    Raises:
        ValueError: the two have different classes, or classes are too small to split.
    """
    scanned = scan_folders(*folders)
    if held_out is None:
        return split_media(
            prepare(scanned), held_out_fraction=held_out_fraction, source_of=source_of, seed=seed
        )
    others = scan_folders(*held_out, min_sources_per_class=1)
    if others.class_names != scanned.class_names:
        differing = sorted(set(others.class_names) ^ set(scanned.class_names))
        raise ValueError(
            f"The held-out folders '{held_out[0]}' and '{held_out[1]}' must hold the classes of "
            f"'{folders[0]}', but {', '.join(differing)} are on one side only."
        )
    return prepare(scanned), prepare(others)


def split_media(
    media: PreparedMedia,
    *,
    held_out_fraction: float,
    source_of: SourceOf | None = None,
    seed: int = 0,
) -> tuple[PreparedMedia, PreparedMedia]:
    """`split_by_source` of files that are prepared already.

    Args: as in `prepare_sides`.

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
