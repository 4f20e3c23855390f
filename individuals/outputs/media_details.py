"""What people know of a video, photo or recording and its pixels do not tell: when, where, which occasion."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from media.cells import read_csv_rows
from media.wording import some_problems


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
