"""Detections that were written to a file beforehand: MegaDetector's results, or COCO."""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from individuals.video.known_boxes import KnownBoxes, match_videos
from individuals.video.layouts import ListedBox, Listing, is_number, read_layout
from media import UnreadableMediaError
from media.wording import some_names, some_problems

USUAL_CONFIDENCE = 0.2
"""What MegaDetector 5 recommends, for files that recommend nothing."""
ANIMAL = "animal"
MAX_LISTED = 5


@dataclass(frozen=True, eq=False)
class DetectionFile:
    """A detector for `count_individuals` that looks up what another program has found.

    Args:
        path: of the file.
        videos: the boxes of each video, by the video's path in the file.
        min_confidence: float in [0, 1]; boxes below it were left out.
        notes: what was left out.
    """

    path: Path
    videos: Mapping[str, KnownBoxes]
    min_confidence: float
    notes: tuple[str, ...]

    def for_video(self, video: str | Path) -> KnownBoxes:
        """The detector of one video.

        Raises:
            ValueError: no entry, or several, are of this video; or its boxes cannot be of its frames.
            FileNotFoundError: the video does not exist.
            UnreadableMediaError: the video cannot be decoded, or could not be by the detector.
        """
        name = match_videos([video], self.videos, f"The detection file '{self.path}'")[str(video)]
        return self.videos[name].fitted_to(video)

    def check(self, videos: Sequence[str | Path]) -> None:
        """See that every video has its entry, before slow work begins.

        Raises:
            ValueError: what `for_video` would raise, for all videos in one message; those that cannot be
                decoded are passed over.
        """
        names = match_videos(videos, self.videos, f"The detection file '{self.path}'")
        problems = []
        for video, name in names.items():
            try:
                self.videos[name].fitted_to(video)
            except UnreadableMediaError:
                continue
            except ValueError as error:
                problems.append(str(error))
        if problems:
            raise ValueError("\n".join(problems))


def load_detections(
    path: str | Path,
    *,
    categories: Collection[str] | None = None,
    min_confidence: float | None = None,
) -> DetectionFile:
    """The detections of videos in a JSON file of MegaDetector or COCO.

    MegaDetector's results may list videos (`frame_number` in each detection) or frames as images named
    like `monday.mp4/frame000120.jpg`; the list of images that its newer command writes is taken too. Of
    COCO, images need a `video_id` or such names. Frame numbers count the video's own frames from 0.

    Args:
        path: of the file.
        categories: names of what is wanted. None: "animal" where the file has such a category, else
            every category.
        min_confidence: float in [0, 1], the least score. None: what the file recommends
            (`typical_detection_threshold`), else 0.2; boxes without a score count as certain.
    Returns:
        `DetectionFile`, to be passed as the detector.
    Raises:
        FileNotFoundError: nothing is at this path.
        ValueError: it is not JSON, or of no known layout; it lacks a category that was asked for; or boxes
            are damaged (all of them in one message).
    """
    return read_detections(
        Path(path), categories=categories, min_confidence=min_confidence, is_of_photos=False
    )


def read_detections(
    path: Path,
    *,
    categories: Collection[str] | None,
    min_confidence: float | None,
    is_of_photos: bool,
) -> DetectionFile:
    """As `load_detections`; with `is_of_photos` every image is a photo, with its boxes in frame 0."""
    if min_confidence is not None and not 0 <= min_confidence <= 1:
        raise ValueError(f"min_confidence must be in [0, 1], received {min_confidence}.")
    listing = _read(path, is_of_photos)
    wanted = _wanted(categories, listing.categories, path)
    least = listing.typical_confidence if min_confidence is None else min_confidence
    if not is_number(least) or not 0 <= least <= 1:
        least = USUAL_CONFIDENCE
    problems = list(listing.problems)
    left_out: Counter[str] = Counter()
    videos = {}
    for name, video in listing.videos.items():
        if len(video.sizes) > 1:
            sizes = ", ".join(f"{width:g} x {height:g}" for width, height in sorted(video.sizes))
            problems.append(f"frames of '{name}' are of several sizes: {sizes}")
        kept = []
        for box in video.boxes:
            if reason := _reason_to_leave_out(box, wanted, least):
                left_out[reason] += 1
            else:
                kept.append(box)
        videos[name] = KnownBoxes(
            np.array([box.frame_index for box in kept], np.int64),
            np.array([box.box for box in kept], np.float64).reshape(-1, 4),
            np.array([box.score for box in kept], np.float64),
            listing.box_form == "shares",
            size=next(iter(video.sizes), None),
            num_frames_processed=len(video.frames_processed),
            failure=video.failure,
        )
    if problems:
        raise ValueError(
            f"The detection file '{path}' is damaged:\n  - "
            + some_problems(problems, MAX_LISTED, separator="\n  - ")
            + "\nWrite it again, or mend these entries."
        )
    notes = [f"{number} boxes {why} are left out." for why, number in sorted(left_out.items())]
    return DetectionFile(path, videos, float(least), (*listing.notes, *notes))


def _read(path: Path, is_of_photos: bool) -> Listing:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"The detection file '{path}' is not JSON in UTF-8: {error}.") from error
    try:
        listing = read_layout(content, is_of_photos=is_of_photos)
    except ValueError as error:
        raise ValueError(f"The detection file '{path}' is damaged: {error}.") from error
    if listing is None:
        is_object = isinstance(content, dict)
        held = ", ".join(map(repr, content)) if is_object else type(content).__name__
        raise ValueError(
            f"The detection file '{path}' is of no known layout. Expected MegaDetector's results ('images' "
            "with 'detections' each, and 'detection_categories'), its list of {'file', 'detections'}, or "
            f"COCO ('images', 'annotations' and 'categories'); received {held or 'nothing'}."
        )
    return listing


def _wanted(
    categories: Collection[str] | None, known: tuple[str, ...], path: Path
) -> frozenset[str]:
    if isinstance(categories, str):
        categories = [categories]
    if categories is None:
        return frozenset({ANIMAL} if ANIMAL in known else known)
    missing = sorted(set(categories) - set(known))
    if missing:
        raise ValueError(
            f"The detection file '{path}' has no category {some_names(missing)}. It has "
            f"{some_names(sorted(known)) or 'none'}."
        )
    return frozenset(categories)


def _reason_to_leave_out(listed: ListedBox, wanted: frozenset[str], least: float) -> str | None:
    left, top, right, bottom = listed.box
    if listed.category not in wanted:
        return f"of other categories ({listed.category or 'unknown'})"
    if listed.score < least:
        return f"below the confidence {least:g}"
    return None if left < right and top < bottom else "without an area"
