"""What people know of a video, photo or recording and its pixels do not tell: when, where, which occasion."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from media.cells import read_csv_rows

DETAIL_COLUMNS = ("media", "captured_at", "occasion", "deployment", "place")


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
    _, rows = read_csv_rows(path, "media")
    details: dict[str, MediaDetails] = {}
    problems = []
    for number, row in enumerate(rows, start=1):
        media = row["media"]
        if not media or media in details:
            problems.append(f"row {number}: media {media!r} is {'twice' if media else 'empty'}")
            continue
        try:
            when = row.get("captured_at")
            captured_at = datetime.fromisoformat(when) if when else None
        except ValueError:
            problems.append(f"row {number}: captured_at {row['captured_at']!r} is no ISO 8601 time")
            continue
        rest = {name: row.get(name) or None for name in ("occasion", "deployment", "place")}
        details[media] = MediaDetails(captured_at, **rest)
    if problems:
        raise ValueError(
            f"'{path}' cannot be read: {'; '.join(problems)}. A time is such as 2026-05-01T06:30:00+02:00."
        )
    return details
