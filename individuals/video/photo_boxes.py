"""Where the animals are in photos: the boxes that MegaDetector or a COCO file has of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np

from individuals.video.detection import Detection, without_doubles
from individuals.video.detection_file import read_detections
from individuals.video.known_boxes import SHAPE_TOLERANCE, KnownBoxes, entries_of
from media import PhotoBox, UnreadableMediaError, image_size
from media.wording import some_names


@dataclass(frozen=True, eq=False)
class PhotoBoxes:
    """What a detection file has of photos: called with a photo's path, it gives the boxes of its animals.

    Args:
        path: of the file.
        photos: the boxes of each photo, by the photo's path in the file.
        min_confidence: float in [0, 1]; boxes below it were left out.
        notes: what was left out.
    """

    path: Path
    photos: Mapping[str, KnownBoxes]
    min_confidence: float
    notes: tuple[str, ...]

    def __call__(self, photo: str | Path) -> list[PhotoBox]:
        """The boxes of a photo, one for each animal, from left to right.

        Raises:
            ValueError: there are none, and why.
            UnreadableMediaError: the photo is damaged, or the detector could not read it.
        """
        known = self.photos[self._name_of(photo)]
        if known.failure is not None:
            reason = f"the detector could not use it ({known.failure})"
            raise UnreadableMediaError(Path(photo), reason)
        if not len(known.boxes):
            raise ValueError(
                f"no animal was detected in it with a confidence of {self.min_confidence:g} or more"
            )
        width, height = image_size(photo)
        corners = (known.boxes * _scale(known, width, height)).clip(0, [width, height] * 2)
        found = [
            Detection(0, 0.0, (box[0], box[1], box[2], box[3]), score)
            for box, score in zip(corners.tolist(), known.scores.tolist(), strict=True)
            if box[0] < box[2] and box[1] < box[3]
        ]
        if not found:
            raise ValueError(
                f"its boxes lie outside of the photo of {width} x {height} pixels: they may be of another one"
            )
        corners_of = sorted(detection.box for detection in without_doubles(found))
        return [(left, top, right - left, bottom - top) for left, top, right, bottom in corners_of]

    def _name_of(self, photo: str | Path) -> str:
        names = entries_of(photo, self._names_by_end.get(PurePosixPath(photo).name, []))
        if len(names) == 1:
            return names[0]
        if names:
            raise ValueError(f"it may be any of {some_names(names)} in '{self.path.name}'")
        raise ValueError(f"'{self.path.name}' does not list it")

    @cached_property
    def _names_by_end(self) -> dict[str, list[str]]:
        names = defaultdict(list)
        for name in self.photos:
            names[PurePosixPath(name.replace("\\", "/")).name].append(name)
        return dict(names)


def load_photo_boxes(
    path: str | Path,
    *,
    categories: Collection[str] | None = None,
    min_confidence: float | None = None,
) -> PhotoBoxes:
    """The boxes of animals in photos, from a JSON file of MegaDetector or COCO.

    A photo is known by its path: the file's must be the end of the photo's, or the other way round.
    Boxes that nearly cover a surer one of the same photo (IoU above 0.8) are left out. Arguments and errors
    as in `load_detections`.

    Example:
        >>> boxes = load_photo_boxes("megadetector.json")                          # doctest: +SKIP
        >>> files, without_animal = with_boxes(scan_folders("photos"), boxes)      # doctest: +SKIP
    """
    found = read_detections(
        Path(path), categories=categories, min_confidence=min_confidence, is_of_photos=True
    )
    return PhotoBoxes(found.path, found.videos, found.min_confidence, found.notes)


def _scale(known: KnownBoxes, width: int, height: int) -> np.ndarray:
    """What turns the file's numbers into pixels of the photo, float [4].

    Raises:
        ValueError: the detector looked at a picture of another shape.
    """
    if known.are_shares:
        return np.array([width, height] * 2, float)
    if known.size is None:
        return np.ones(4)
    seen_width, seen_height = known.size
    if abs(seen_width / seen_height / (width / height) - 1) > SHAPE_TOLERANCE:
        raise ValueError(
            f"its boxes are of a picture of {seen_width:g} x {seen_height:g} pixels, the upright photo has "
            f"{width} x {height}"
        )
    return np.array([width / seen_width, height / seen_height] * 2)
