"""MegaDetector's results: one entry per video or per frame, or the list that its newer command writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from individuals.video.listed_boxes import (
    Json,
    ListedBox,
    Listing,
    frame_of_name,
    is_video_name,
    object_in,
    objects_in,
    still_images_note,
    whole_numbers,
)


def read_megadetector(content: Json) -> Listing:
    """What a results file lists: `images` with `detections`, boxes as shares of the frame.

    Videos are one entry each, whose detections have a `frame_number` (format 1.3 and later), or one
    entry per frame with names such as `monday.mp4/frame000120.jpg`.

    Args:
        content: the file's JSON.
    Reference:
        https://lila.science/megadetector-output-format (format version 1.6).
    """
    categories = object_in(content, "detection_categories")
    names = {str(key): str(name) for key, name in categories.items()}
    metadata = object_in(object_in(content, "info"), "detector_metadata")
    recommended = metadata.get("typical_detection_threshold")
    listing = Listing({}, "shares", tuple(names.values()), recommended)
    _read_entries(objects_in(content, "images"), names, "images", "conf", listing)
    return listing


def read_megadetector_list(content: Sequence[Json]) -> Listing:
    """What the `megadetector` command of 2026 lists: one object per image, corners in pixels.

    Args:
        content: the file's JSON.
    Reference:
        https://microsoft.github.io/MegaDetector/output_format/
    """
    found = [box for entry in content for box in objects_in(entry, "detections")]
    kinds = {str(box.get("category")) for box in found}
    listing = Listing({}, "corners", tuple(sorted(kinds | {"animal"})))
    _read_entries(content, {kind: kind for kind in listing.categories}, "", "confidence", listing)
    return listing


def _read_entries(
    entries: Sequence[Json],
    names: Mapping[str, str],
    place: str,
    score_key: str,
    listing: Listing,
) -> None:
    still_images = []
    for number, entry in enumerate(entries):
        here, file = f"{place}[{number}]", entry.get("file")
        if not isinstance(file, str) or not file:
            listing.problems.append(f"{here} names no file")
            continue
        frame = None if is_video_name(file) else frame_of_name(file)
        if not is_video_name(file) and frame is None:
            still_images.append(file)
            continue
        video = listing.video(frame[0] if frame else file)
        if entry.get("detections") is None:
            video.failure = str(entry.get("failure") or "no detections are listed")
        frames = [frame[1]] if frame else entry.get("frames_processed")
        video.frames_processed |= whole_numbers(frames)
        for which, box in enumerate(objects_in(entry, "detections")):
            video.boxes.append(
                ListedBox(
                    frame[1] if frame else box.get("frame_number"),
                    box.get("bbox"),
                    box.get(score_key),
                    names.get(str(box.get("category"))),
                    f"{here}.detections[{which}] of '{file}'",
                )
            )
    listing.notes += still_images_note(still_images)
