"""When a recording begins, as its recorder wrote into the file: AudioMoth's comment, and GUANO."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from archives.survey.records import Clock

_AUDIOMOTH = re.compile(
    r"Recorded at (\d\d:\d\d:\d\d(?:\.\d+)?) (\d\d/\d\d/\d{4})"
    r" \(UTC(?:([+-])(\d{1,2})(?::(\d\d))?)?\)(?:.*? by AudioMoth ([0-9A-F]{16}))?"
)


@dataclass(frozen=True)
class HeaderClock:
    """What a recorder wrote: the start, if it can be read, and its own serial number."""

    clock: Clock | None
    serial: str | None


def read_audiomoth_comment(comment: str) -> HeaderClock | None:
    """The start and device of AudioMoth's comment; None where it is another one.

    Example:
        >>> read_audiomoth_comment("Recorded at 05:30:00 14/05/2023 (UTC) ...").clock.time.hour
        5
    """
    found = _AUDIOMOTH.search(comment)
    if found is None:
        return None
    clock_time, date, sign, hours, minutes, serial = found.groups()
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        time = datetime.strptime(f"{date} {clock_time[:8]}", "%d/%m/%Y %H:%M:%S")
        zone = timezone(-offset if sign == "-" else offset)
    except ValueError:
        return HeaderClock(None, serial)
    return HeaderClock(Clock(time.replace(tzinfo=zone), "header"), serial)


def read_guano(text: str) -> HeaderClock | None:
    """The start and serial number of GUANO metadata; None where it holds neither."""
    pairs = [line.split(":", 1) for line in text.splitlines() if ":" in line]
    fields = {name.strip(): value.strip() for name, value in pairs}
    serial = fields.get("Serial") or fields.get("WA|Song Meter|Serial") or None
    try:
        time = datetime.fromisoformat(fields.get("Timestamp", ""))
    except ValueError:
        return HeaderClock(None, serial) if serial else None
    return HeaderClock(Clock(time.replace(microsecond=0), "header"), serial)
