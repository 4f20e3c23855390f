"""COCO annotations of a video's frames, as CVAT, Label Studio, TAO and most trainers write them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from individuals.video.listed_boxes import (
    Json,
    ListedBox,
    Listing,
    frame_of_name,
    is_video_name,
    objects_in,
    still_images_note,
    trailing_number,
    whole_numbers,
)

Frame = tuple[str, Any]  # video and frame number, as listed
FRAME_KEYS = ("frame_index", "frame_number", "frame_id")


def read_coco(content: Json) -> Listing:
    """What a COCO file lists: `images` that are frames, and `annotations` with boxes in pixels.

    An image belongs to a video by its `video_id` (into `videos`, by `name` or `file_name`), or because
    its own `file_name` is a video's, and its number is `frame_index`, `frame_number` or `frame_id`; else
    both are read from its `file_name`, such as `monday.mp4/frame000120.jpg`. A `score` is optional. Boxes
    around crowds (`iscrowd`) are left out.

    Args:
        content: the file's JSON.
    Reference:
        https://cocodataset.org/#format-data; for `videos`, https://github.com/TAO-Dataset/tao
    """
    categories = objects_in(content, "categories")
    names = {str(entry.get("id")): str(entry.get("name")) for entry in categories}
    listing = Listing({}, "pixels", tuple(names.values()))
    frames = _read_images(content, listing)
    num_crowds = 0
    for number, annotation in enumerate(objects_in(content, "annotations")):
        place, image = f"annotations[{number}]", str(annotation.get("image_id"))
        if image not in frames:
            listing.problems.append(f"{place} is of the image {image}, which is not listed")
            continue
        if annotation.get("iscrowd"):
            num_crowds += 1
        elif (frame := frames[image]) is not None:
            listing.videos[frame[0]].boxes.append(
                ListedBox(
                    frame[1],
                    annotation.get("bbox"),
                    annotation.get("score", 1.0),
                    names.get(str(annotation.get("category_id"))),
                    f"{place} of '{frame[0]}'",
                )
            )
    if num_crowds:
        listing.notes.append(f"{num_crowds} boxes around crowds (iscrowd) are left out.")
    return listing


def _read_images(content: Json, listing: Listing) -> dict[str, Frame | None]:
    """The frame that each image is, by its id; None for one that is not a frame. Adds their videos."""
    videos = {
        str(entry.get("id")): str(entry.get("name") or entry.get("file_name"))
        for entry in objects_in(content, "videos")
    }
    frames: dict[str, Frame | None] = {}
    still_images = []
    for image in objects_in(content, "images"):
        frame = frames[str(image.get("id"))] = _frame(image, videos)
        if frame is None:
            still_images.append(str(image.get("file_name")))
            continue
        video = listing.video(frame[0])
        video.frames_processed |= whole_numbers([frame[1]])
        size = image.get("width"), image.get("height")
        if all(isinstance(side, int | float) and 0 < side < math.inf for side in size):
            video.sizes.add((float(size[0]), float(size[1])))  # type: ignore[arg-type] # just checked
    listing.notes += still_images_note(still_images)
    return frames


def _frame(image: Json, videos: Mapping[str, str]) -> Frame | None:
    """The video and the frame number of an image; None where it is not a frame."""
    name = str(image.get("file_name") or "")
    number = next((image[key] for key in FRAME_KEYS if image.get(key) is not None), None)
    video = videos.get(str(image.get("video_id")))
    if video is None and is_video_name(name):
        video = name
    if video is not None:
        return video, trailing_number(name) if number is None else number
    named = frame_of_name(name)
    return (named[0], named[1] if number is None else number) if named else None
