"""When a recording or photo was made, and by what, as its file name tells it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from archives.survey.records import Clock

_DATE_AND_TIME = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_.]?(\d\d)[-_.]?(\d\d)"  # 20230514, 2023-05-14
    r"(?:[-_ T.]|_-_|--)?"
    r"(\d\d)[-_:.h]?(\d\d)(?:[-_:.m]?(\d\d)(?:[-_.]?\d{3})?)?(?!\d)"  # 053000, 05-30, 053000123
    r"(Z|[+-]\d{4}(?!\d))?"
)
_UNIX_TIME_IN_HEX = re.compile(r"[0-9A-Fa-f]{8}")
_FIRST_AUDIOMOTH = datetime(2016, 1, 1, tzinfo=UTC)
_SERIALS = (
    re.compile(r"[0-9A-F]{16}"),  # AudioMoth
    re.compile(r"(?:S4[AU]|2M[AMU]|SM[AMU]|3M[A-Z]|SMU|MINI)\d{5,8}"),  # Song Meter
)


@dataclass(frozen=True)
class NamedClock:
    """What a name tells.

    Attributes:
        clock: the start.
        recorder: what stands before the time, such as "SM4_0+1"; None where nothing does.
        serial: where that is a recorder's serial number.
    """

    clock: Clock
    recorder: str | None = None
    serial: str | None = None


def read_name_clock(stem: str, suffix: str) -> NamedClock | None:
    """The start time that a file's name tells; None where it tells none.

    Known are AudioMoth (20230514_053000, 24F31901603710E1_20230514_053000, and the Unix time in hexadecimal
    of its first years: 5E90A4D4.WAV), Song Meter (SM4_20230514_053000, S4A01234_0+1_20230514_053000), cameras
    (IMG_20230514_053000123) and whatever else is like ISO 8601 (2023-05-14T05-30-00).

    Args:
        stem: the file's name without its ending.
        suffix: its ending.
    Example:
        >>> read_name_clock("SM4_20230514_053000", ".wav").clock.time.isoformat()
        '2023-05-14T05:30:00'
    """
    for found in _DATE_AND_TIME.finditer(stem):
        time = _time_of(found)
        if time is not None:
            recorder = stem[: found.start()].strip("_- .") or None
            return NamedClock(
                Clock(time, "name", 1 if found[6] else 60), recorder, _serial(recorder)
            )
    if suffix.lower() == ".wav" and _UNIX_TIME_IN_HEX.fullmatch(stem):
        time = datetime.fromtimestamp(int(stem, 16), UTC)
        if time >= _FIRST_AUDIOMOTH:
            return NamedClock(Clock(time, "name"))
    return None


def _time_of(found: re.Match[str]) -> datetime | None:
    numbers = [int(number or 0) for number in found.groups()[:6]]
    try:
        time = datetime(*numbers)  # type: ignore[arg-type]  # six ints
        zone = datetime.strptime(found[7].replace("Z", "+0000"), "%z").tzinfo if found[7] else None
    except ValueError:  # digits that are no date: a catalogue number
        return None
    return time.replace(tzinfo=zone)


def _serial(recorder: str | None) -> str | None:
    first = (recorder or "").split("_")[0]
    return first if any(pattern.fullmatch(first) for pattern in _SERIALS) else None
