"""Layouts of detection files, MegaDetector's and COCO, read and checked into one form."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from media import VIDEO_EXTENSIONS

Json = Mapping[str, Any]
FRAME_KEYS = ("frame_index", "frame_number", "frame_id")
_LAST_FRAME = 2**31
_LARGEST_SHARE = 2.0  # beyond this a box is no rounded share of the frame, but pixels or the like


class ListedBox(NamedTuple):
    """A box of a file; its category is None for an id that the file does not explain."""

    frame_index: int
    box: tuple[float, float, float, float]  # left, top, right, bottom
    score: float
    category: str | None


@dataclass
class ListedVideo:
    """A video as a file has it; what the file does not tell is left empty."""

    boxes: list[ListedBox] = field(default_factory=list)  # of all categories
    frames_processed: set[int] = field(default_factory=set)
    sizes: set[tuple[float, float]] = field(default_factory=set)  # width and height of these
    failure: str | None = None  # why the detector could not look at it


@dataclass
class Listing:
    """All that a file lists."""

    # "shares" for (left, top, width, height) in [0, 1] of the frame, "pixels" for the same in pixels,
    # "corners" for (left, top, right, bottom) in pixels
    box_form: str
    categories: tuple[str, ...]  # the names that the file explains
    typical_confidence: Any = None  # the least confidence that the file itself recommends
    videos: dict[str, ListedVideo] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    is_of_photos: bool = False  # each image is a photo of its own, listed under its name as frame 0

    def video(self, name: str) -> ListedVideo:
        """The video of this name, made if it is new."""
        return self.videos.setdefault(name, ListedVideo())

    def add_box(
        self, video: str, frame: Any, box: Any, score: Any, category: str | None, place: str
    ) -> None:
        """Lists a box, or what is wrong with it."""
        problem = self._problem_of(frame, box, score)
        if problem is not None:
            self.problems.append(f"{place} of '{video}': {problem}")
            return
        left, top, third, fourth = map(float, box)
        end = (third, fourth) if self.box_form == "corners" else (left + third, top + fourth)
        listed = ListedBox(int(frame), (left, top, *end), float(score), category)
        self.video(video).boxes.append(listed)

    def _problem_of(self, frame: Any, box: Any, score: Any) -> str | None:
        if not is_number(frame) or frame != int(frame) or not 0 <= frame <= _LAST_FRAME:
            return f"expected a frame number, 0 or more, received {frame!r}"
        if not isinstance(box, list) or len(box) != 4 or not all(map(is_number, box)):
            return f"expected a box of four finite numbers, received {box!r}"
        if not is_number(score) or not 0 <= score <= 1:
            return f"expected a confidence in [0, 1], received {score!r}"
        if self.box_form == "shares" and max(map(abs, box)) > _LARGEST_SHARE:
            return f"expected a box in shares of the frame, [0, 1], received {box!r}: these may be pixels"
        return None

    def note_others(self, names: Sequence[str]) -> None:
        """Notes entries that are not frames of a video; of a list of photos those that are videos."""
        if names and self.is_of_photos:
            self.notes.append(
                f"{len(names)} entries are no photos and are left out, such as '{names[0]}'."
            )
        elif names:
            self.notes.append(
                f"{len(names)} entries are not frames of a video and are left out, such as '{names[0]}' "
                "(expected names such as 'monday.mp4/frame000120.jpg')."
            )


def read_layout(content: Any, *, is_of_photos: bool = False) -> Listing | None:
    """What a file lists, by the layout of its JSON; None for an unknown layout, a ValueError for damage.

    Its images are frames of videos; or, with `is_of_photos`, photos.
    """
    if isinstance(content, list):
        is_list_of_images = all(
            isinstance(entry, dict) and "file" in entry and "detections" in entry
            for entry in content
        )
        return _read_megadetector_list(content, is_of_photos) if is_list_of_images else None
    if isinstance(content, dict) and isinstance(content.get("images"), list):
        if isinstance(content.get("annotations"), list):
            return _read_coco(content, is_of_photos)
        if "annotations" not in content:
            return _read_megadetector(content, is_of_photos)
    return None


def _read_megadetector(content: Json, is_of_photos: bool) -> Listing:
    """MegaDetector's results: an entry per video, or per frame; https://lila.science/megadetector-output-format."""
    categories = _object(content, "detection_categories")
    names = {str(key): str(name) for key, name in categories.items()}
    metadata = _object(_object(content, "info"), "detector_metadata")
    typical = metadata.get("typical_detection_threshold")
    listing = Listing("shares", tuple(names.values()), typical, is_of_photos=is_of_photos)
    _read_entries(_objects(content, "images"), names, "images", "conf", listing)
    return listing


def _read_megadetector_list(content: Sequence[Json], is_of_photos: bool) -> Listing:
    """The list that the `megadetector` command writes; https://microsoft.github.io/MegaDetector/output_format/."""
    found = [box for entry in content for box in _objects(entry, "detections")]
    kinds = {str(box.get("category")) for box in found}
    named = tuple(sorted(kinds | {"animal"}))
    listing = Listing("corners", named, is_of_photos=is_of_photos)
    _read_entries(content, {kind: kind for kind in listing.categories}, "", "confidence", listing)
    return listing


def _read_entries(
    entries: Sequence[Json], names: Mapping[str, str], place: str, score_key: str, listing: Listing
) -> None:
    others = []
    for number, entry in enumerate(entries):
        here, file = f"{place}[{number}]", entry.get("file")
        if not isinstance(file, str) or not file:
            listing.problems.append(f"{here} names no file")
            continue
        is_video = is_video_name(file)
        frame = (file, 0) if listing.is_of_photos else _frame_of_name(file)
        frame = None if is_video else frame
        if is_video if listing.is_of_photos else not is_video and frame is None:
            others.append(file)
            continue
        name = frame[0] if frame else file
        video = listing.video(name)
        if entry.get("detections") is None:
            video.failure = str(entry.get("failure") or "no detections are listed")
        video.frames_processed |= _whole_numbers(
            [frame[1]] if frame else entry.get("frames_processed")
        )
        for which, box in enumerate(_objects(entry, "detections")):
            listing.add_box(
                name,
                frame[1] if frame else box.get("frame_number"),
                box.get("bbox"),
                box.get(score_key),
                names.get(str(box.get("category"))),
                f"{here}.detections[{which}]",
            )
    listing.note_others(others)


def _read_coco(content: Json, is_of_photos: bool) -> Listing:
    """COCO: `images` that are frames, `annotations` with boxes in pixels; https://cocodataset.org/#format-data.

    An image belongs to a video by its `video_id` (into `videos`, by `name` or `file_name`), or because
    its own `file_name` is a video's, and its number is `frame_index`, `frame_number` or `frame_id`; else
    both are read from its `file_name`, such as `monday.mp4/frame000120.jpg`.
    """
    categories = _objects(content, "categories")
    names = {str(entry.get("id")): str(entry.get("name")) for entry in categories}
    listing = Listing("pixels", tuple(names.values()), is_of_photos=is_of_photos)
    videos = {
        str(entry.get("id")): str(entry.get("name") or entry.get("file_name"))
        for entry in _objects(content, "videos")
    }
    frames: dict[str, tuple[str, Any] | None] = {}
    others = []
    frame_of = _coco_photo if is_of_photos else _coco_frame
    for image in _objects(content, "images"):
        frame = frames[str(image.get("id"))] = frame_of(image, videos)
        if frame is None:
            others.append(str(image.get("file_name")))
            continue
        video = listing.video(frame[0])
        video.frames_processed |= _whole_numbers([frame[1]])
        size: tuple[Any, Any] = image.get("width"), image.get("height")
        if all(is_number(side) and side > 0 for side in size):
            video.sizes.add((float(size[0]), float(size[1])))
    listing.note_others(others)
    num_crowds = 0
    for number, annotation in enumerate(_objects(content, "annotations")):
        place, image_id = f"annotations[{number}]", str(annotation.get("image_id"))
        if image_id not in frames:
            listing.problems.append(f"{place} is of the image {image_id}, which is not listed")
        elif annotation.get("iscrowd"):
            num_crowds += 1
        elif (frame := frames[image_id]) is not None:
            listing.add_box(
                *frame,
                annotation.get("bbox"),
                annotation.get("score", 1.0),
                names.get(str(annotation.get("category_id"))),
                place,
            )
    if num_crowds:
        listing.notes.append(f"{num_crowds} boxes around crowds (iscrowd) are left out.")
    return listing


def _coco_frame(image: Json, videos: Mapping[str, str]) -> tuple[str, Any] | None:
    """The video and the frame number of an image, as listed; None where it is not a frame."""
    name = str(image.get("file_name") or "")
    number = next((image[key] for key in FRAME_KEYS if image.get(key) is not None), None)
    video = videos.get(str(image.get("video_id")))
    if video is None and is_video_name(name):
        video = name
    if video is not None:
        return video, _trailing_number(name) if number is None else number
    named = _frame_of_name(name)
    return (named[0], named[1] if number is None else number) if named else None


def _coco_photo(image: Json, videos: Mapping[str, str]) -> tuple[str, Any] | None:
    """The name of an image that is a photo; None where it is a video, or of one."""
    name = str(image.get("file_name") or "")
    return None if str(image.get("video_id")) in videos or is_video_name(name) else (name, 0)


def is_video_name(name: str) -> bool:
    """Whether a path looks like a video's, by its extension."""
    return PurePosixPath(name.replace("\\", "/")).suffix.lower() in VIDEO_EXTENSIONS


def is_number(value: Any) -> bool:
    """Whether a value of a file is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _frame_of_name(name: str) -> tuple[str, int] | None:
    """The video and the frame number in a frame's file name; None where it is not the name of a frame.

    In a folder that is named like a video ("site/monday.mp4/000120.jpg") any name that ends in digits will
    do; elsewhere ("site/monday/frame_120.png") the digits must follow the word "frame". Without a folder
    the video is "".
    """
    path = PurePosixPath(name.replace("\\", "/"))
    folder = str(path.parent) if len(path.parts) > 1 else ""
    if is_video_name(folder):
        number = _trailing_number(name)
    else:
        found = re.search(r"frame[ _-]?(\d+)$", path.stem, re.IGNORECASE)
        number = int(found[1]) if found else None
    return None if number is None else (folder, number)


def _trailing_number(name: str) -> int | None:
    found = re.search(r"(\d+)$", PurePosixPath(name.replace("\\", "/")).stem)
    return int(found[1]) if found else None


def _whole_numbers(value: object) -> set[int]:
    items: Iterable[object] = value if isinstance(value, list) else ()
    return {item for item in items if isinstance(item, int) and not isinstance(item, bool)}


def _objects(content: Json, key: str) -> list[Json]:
    """The list of objects under a key; empty where there is none."""
    value = content.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise ValueError(f"expected a list of objects under '{key}', received {repr(value)[:60]}")
    return value


def _object(content: Json, key: str) -> Json:
    """The object under a key; empty where there is none."""
    value = content.get(key)
    if value is not None and not isinstance(value, Mapping):
        raise ValueError(f"expected an object under '{key}', received {repr(value)[:60]}")
    return value or {}
