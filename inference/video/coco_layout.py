"""COCO annotations of a video's frames, as CVAT, Label Studio, TAO and most trainers write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inference.video.listed_boxes import (
    ListedBox,
    Listing,
    frame_of_name,
    is_video_name,
    still_images_note,
    trailing_number,
)

Json = Mapping[str, Any]
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
    names = {entry.get("id"): str(entry.get("name")) for entry in content.get("categories") or ()}
    listing = Listing({}, "pixels", tuple(names.values()))
    frames = _read_images(content, listing)
    num_crowds = 0
    for number, annotation in enumerate(content["annotations"]):
        place, image = f"annotations[{number}]", annotation.get("image_id")
        if image not in frames:
            listing.problems.append(f"{place} is of the image {image!r}, which is not listed")
            continue
        if annotation.get("iscrowd"):
            num_crowds += 1
        elif (frame := frames[image]) is not None:
            listing.videos[frame[0]].boxes.append(
                ListedBox(
                    frame[1],
                    annotation.get("bbox"),
                    annotation.get("score", 1.0),
                    names.get(annotation.get("category_id")),
                    f"{place} of '{frame[0]}'",
                )
            )
    if num_crowds:
        listing.notes.append(f"{num_crowds} boxes around crowds (iscrowd) are left out.")
    return listing


def _read_images(content: Json, listing: Listing) -> dict[Any, Frame | None]:
    """The frame that each image is, by its id; None for one that is not a frame. Adds their videos."""
    videos = {
        entry.get("id"): str(entry.get("name") or entry.get("file_name"))
        for entry in content.get("videos") or ()
    }
    frames = {image.get("id"): _frame(image, videos) for image in content["images"]}
    for image in content["images"]:
        frame = frames[image.get("id")]
        if frame is None:
            continue
        video = listing.video(frame[0])
        if isinstance(frame[1], int):
            video.frames_processed.add(frame[1])
        if image.get("width") and image.get("height"):
            video.sizes.add((float(image["width"]), float(image["height"])))
    listing.notes += still_images_note(
        str(image.get("file_name")) for image in content["images"] if not frames[image.get("id")]
    )
    return frames


def _frame(image: Json, videos: Mapping[Any, str]) -> Frame | None:
    """The video and the frame number of an image; None where it is not a frame."""
    name = str(image.get("file_name") or "")
    number = next((image[key] for key in FRAME_KEYS if image.get(key) is not None), None)
    video = videos.get(image.get("video_id"))
    if video is None and is_video_name(name):
        video = name
    if video is not None:
        return video, trailing_number(name) if number is None else number
    named = frame_of_name(name)
    return (named[0], named[1] if number is None else number) if named else None
