"""What a detection file lists, before anything is checked: the one form that all layouts are read into."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from media import VIDEO_EXTENSIONS

Json = Mapping[str, Any]


@dataclass(frozen=True)
class ListedBox:
    """A box as a file has it.

    Args:
        frame_index: as listed.
        box: as listed, four values.
        score: as listed; 1 where the file has none.
        category: its name, or None for an id that the file does not explain.
        place: where it stands in the file, for messages.
    """

    frame_index: Any  # whatever the JSON held: checked in `detection_file`
    box: Any
    score: Any
    category: str | None
    place: str


@dataclass
class ListedVideo:
    """A video as a file has it.

    Args:
        name: its path in the file.
        boxes: of all categories.
        frames_processed: the frames that the detector looked at, as far as the file tells.
        sizes: width and height of the frames that it looked at, where the file tells.
        failure: why the detector could not look at it; None if it could.
    """

    name: str
    boxes: list[ListedBox] = field(default_factory=list)
    frames_processed: set[int] = field(default_factory=set)
    sizes: set[tuple[float, float]] = field(default_factory=set)
    failure: str | None = None


@dataclass
class Listing:
    """All that a file lists.

    Args:
        videos: by their paths in the file.
        box_form: "shares" for (left, top, width, height) in [0, 1] of the frame, "pixels" for the same
            in pixels, "corners" for (left, top, right, bottom) in pixels.
        categories: the names that the file explains.
        typical_confidence: the least confidence that the file itself recommends.
        problems: what makes the file unusable.
        notes: what was left out.
    """

    videos: dict[str, ListedVideo]
    box_form: str
    categories: tuple[str, ...] = ()
    typical_confidence: float | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def video(self, name: str) -> ListedVideo:
        """The video of this name, made if it is new."""
        return self.videos.setdefault(name, ListedVideo(name))


def objects_in(content: Json, key: str) -> list[Json]:
    """The list of objects under a key; empty where there is none.

    Raises:
        ValueError: something else is there.
    """
    value = content.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise ValueError(f"expected a list of objects under '{key}', received {_short(value)}")
    return value


def object_in(content: Json, key: str) -> Json:
    """The object under a key; empty where there is none.

    Raises:
        ValueError: something else is there.
    """
    value = content.get(key)
    if value is not None and not isinstance(value, Mapping):
        raise ValueError(f"expected an object under '{key}', received {_short(value)}")
    return value or {}


def whole_numbers(value: object) -> set[int]:
    """The frame numbers in a list; what is none is left out."""
    items = value if isinstance(value, list) else ()
    return {item for item in items if isinstance(item, int) and not isinstance(item, bool)}


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def is_video_name(name: str) -> bool:
    """Whether a path looks like a video's, by its extension."""
    return PurePosixPath(name.replace("\\", "/")).suffix.lower() in VIDEO_EXTENSIONS


def frame_of_name(name: str) -> tuple[str, int] | None:
    """The video and the frame number that a frame's file name speaks of.

    Args:
        name: such as "site/monday.mp4/frame000120.jpg", the way MegaDetector names frames. In a folder
            that is named like a video any name that ends in digits will do; elsewhere, such as in
            "site/monday/frame_120.png", the digits must follow the word "frame".
    Returns:
        Such as ("site/monday.mp4", 120), the video being "" where no folder is named; None where it is
        not the name of a frame.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    folder = str(path.parent) if len(path.parts) > 1 else ""
    if is_video_name(folder):
        number = trailing_number(name)
    else:
        found = re.search(r"frame[ _-]?(\d+)$", path.stem, re.IGNORECASE)
        number = int(found[1]) if found else None
    return None if number is None else (folder, number)


def trailing_number(name: str) -> int | None:
    """The number at the end of a file's name, before its extension; None without one."""
    found = re.search(r"(\d+)$", PurePosixPath(name.replace("\\", "/")).stem)
    return int(found[1]) if found else None


def still_images_note(names: Iterable[str]) -> list[str]:
    """One note on the entries that are no frames of a video; none where there are none."""
    names = list(names)
    if not names:
        return []
    return [
        f"{len(names)} entries are not frames of a video and are left out, such as '{names[0]}' "
        "(expected names such as 'monday.mp4/frame000120.jpg')."
    ]
