"""Photos with boxes: each animal in a photo becomes an item of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from media import PhotoBox, UnreadableMediaError
from triplets.folders import LabelledFiles, MediaFile, Skipped

BoxesOf = Callable[[Path], Sequence[PhotoBox]]


def with_boxes(files: LabelledFiles, boxes_of: BoxesOf) -> tuple[LabelledFiles, list[Skipped]]:
    """The files with each photo cropped to its animals.

    A photo of several animals becomes several items of its class; as they come from one photo, they stay on
    one side of every split. A photo that has a box already (from a table) keeps it. Recordings stay.

    Args:
        files: from `scan_folders` or `read_table`.
        boxes_of: the boxes of a photo, such as `individuals.load_photo_boxes(path)`; a ValueError or an
            UnreadableMediaError says why it has none.

    Returns:
        The files, and the photos without an animal, with the reason. These are left out.
    """
    images: list[MediaFile] = []
    skipped: list[Skipped] = []
    for file in files.images:
        if file.box is not None:
            images.append(file)
            continue
        try:
            images += [replace(file, box=box) for box in boxes_of(file.path)]
        except UnreadableMediaError as error:
            skipped.append(Skipped(file.path, error.reason))
        except (ValueError, FileNotFoundError) as error:
            skipped.append(Skipped(file.path, str(error)))
    return replace(files, images=tuple(images)), skipped
