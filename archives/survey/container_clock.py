"""When a video or M4A begins, as its container says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from archives.survey.records import Clock

_NEVER_SET = {
    1904,
    1970,
}  # where MP4 and Unix begin to count: written by programs that know no time


def read_container_clock(metadata: Mapping[str, str]) -> Clock | None:
    """The container's creation time; None where it is not told or was never set.

    Meant to be UTC; many cameras write their local time into it.

    Args:
        metadata: of the container, as FFmpeg names them.
    """
    written = metadata.get("com.apple.quicktime.creationdate") or metadata.get("creation_time", "")
    try:
        time = datetime.fromisoformat(written)
    except ValueError:
        return None
    if time.year in _NEVER_SET:
        return None
    return Clock(time.replace(microsecond=0), "container")
