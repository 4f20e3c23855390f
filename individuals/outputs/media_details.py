"""What people know of media and pixels do not tell: when, where, which occasion; and short names of media."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath

from media.cells import read_csv_rows
from media.wording import some_problems

MAX_STEM = 60  # letters of a file name, of up to four bytes each; file systems allow 255 bytes


@dataclass(frozen=True)
class MediaDetails:
    """When and where a media file was made.

    Attributes:
        captured_at: its start, with a time zone where it is known.
        occasion: sampling occasion of capture-recapture.
        deployment: of the camera or recorder, an id of a `Deployment`.
        place: where.
    """

    captured_at: datetime | None = None
    occasion: str | None = None
    deployment: str | None = None
    place: str | None = None


def read_media_details(path: str | Path) -> dict[str, MediaDetails]:
    """What a CSV file says of each media file, by its path as the file has it.

    Args:
        path: a CSV file with the column media and any of captured_at (such as
            2026-05-01T06:30:00+02:00), occasion, deployment, place. Other columns are ignored.
    Raises:
        FileNotFoundError: there is no such file.
        ValueError: there is no column media, or rows cannot be read; all of them in one message.
    """
    details: dict[str, MediaDetails] = {}
    problems = []
    for number, row in read_csv_rows(path, "media")[1]:
        media, when = row["media"], row.get("captured_at")
        if not media or media in details:
            problems.append(f"row {number}: media {media!r} is {'twice' if media else 'empty'}")
            continue
        rest = {name: row.get(name) or None for name in ("occasion", "deployment", "place")}
        try:
            details[media] = MediaDetails(datetime.fromisoformat(when) if when else None, **rest)
        except ValueError:
            problems.append(f"row {number}: captured_at {when!r} is no ISO 8601 time")
    if problems:
        raise ValueError(
            f"'{path}' cannot be read: {some_problems(problems)}. A time is such as "
            "2026-05-01T06:30:00+02:00."
        )
    return details


def short_media_names(media: Iterable[str]) -> dict[str, str]:
    """The end of each path that is enough to tell it from the others.

    Args:
        media: paths; repeated ones count once.
    Returns:
        Path to name, such as "monday.mp4", or "pond/monday.mp4" where there are several mondays.
    Example:
        >>> short_media_names(["a/monday.mp4", "b/monday.mp4", "b/tuesday.mp4"])
        {'a/monday.mp4': 'a/monday.mp4', 'b/monday.mp4': 'b/monday.mp4', 'b/tuesday.mp4': 'tuesday.mp4'}
    """
    paths = list(dict.fromkeys(media))
    names: dict[str, str] = {}
    for length in range(1, 1 + max([len(PurePath(path).parts) for path in paths], default=0)):
        ends = {path: "/".join(PurePath(path).parts[-length:]) for path in paths}
        times = Counter(ends.values())
        names |= {path: end for path, end in ends.items() if path not in names and times[end] == 1}
    return {path: names.get(path, path) for path in paths}


def distinct_file_names(media: Iterable[str], suffix: str) -> dict[str, str]:
    """A file name for something about each media file; no two alike, on any file system.

    Args:
        media: paths; repeated ones count once.
        suffix: end of every name, such as ".txt".
    Returns:
        Path to name, such as "monday.txt", or "pond_monday.txt" where there are several mondays.
    """
    short = short_media_names(media)
    bare = {path: re.sub(r"(?<=[^./])\.[^./]*$", "", name) for path, name in short.items()}
    times = Counter(name.casefold() for name in bare.values())
    stems = []
    for path, name in bare.items():
        stem = name if times[name.casefold()] == 1 else short[path]
        stems.append(re.sub(r'[/\\:*?"<>|\x00-\x1f]+', "_", stem.strip("/"))[-MAX_STEM:] or "media")
    return {path: stem + suffix for path, stem in zip(short, distinct(stems), strict=True)}


def distinct(names: Iterable[str]) -> list[str]:
    """The names, those that were there before (in any case) with a number: wren, wren-2."""
    taken: dict[str, str] = {}
    for name in names:
        number, candidate = 1, name
        while candidate.casefold() in taken:
            number += 1
            candidate = f"{name}-{number}"
        taken[candidate.casefold()] = candidate
    return list(taken.values())
