"""When a file begins: by its name, its recorder, its camera or its container; and whether that can be."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from archives.survey.records import Clock, ClockSource, SurveyedFile
from media.headers import MediaHeader

_DATE_AND_TIME = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_.]?(\d\d)[-_.]?(\d\d)"  # 20230514, 2023-05-14
    r"(?:[-_ T.]|_-_|--)?"
    r"(\d\d)[-_:.h]?(\d\d)(?:[-_:.m]?(\d\d)(?:[-_.]?\d{3})?)?(?!\d)"  # 053000, 05-30, 053000123
    r"(Z|[+-]\d{4}(?!\d))?"
)
_UNIX_TIME_IN_HEX = re.compile(r"[0-9A-Fa-f]{8}")
_FIRST_AUDIOMOTH = datetime(2016, 1, 1, tzinfo=UTC)
_SERIAL = re.compile(r"[0-9A-F]{16}|(?:S4[AU]|2M[AMU]|SM[AMU]|3M[A-Z]|SMU|MINI)\d{5,8}")
"""Of an AudioMoth; of a Song Meter."""
_AUDIOMOTH = re.compile(
    r"Recorded at (\d\d:\d\d:\d\d)(?:\.\d+)? (\d\d/\d\d/\d{4})"
    r" \(UTC(?:([+-])(\d{1,2})(?::(\d\d))?)?\)(?:.*? by AudioMoth ([0-9A-F]{16}))?"
)
_NEVER_SET = {1904, 1970}
"""Where MP4 and Unix begin to count: written by programs that know no time."""
_TRUST = {"exif": 0, "name": 1, "header": 2, "container": 3}
_EPOCHS = {1601, 1904, 1970, 1980, 2000}
"""Years at whose beginning clocks of computers, cameras and recorders start to count."""
_FIRST_TAPES = 1950
_QUARTER_HOUR_SECONDS = 900
_WIDEST_ZONES_SECONDS = 14 * 3600
_TOLERANCE_SECONDS = 120
_LATEST_ZONE = timezone(timedelta(hours=14))
"""A time without a zone may be from there."""
_SOURCES = {
    "name": "its name",
    "header": "its recorder",
    "exif": "its EXIF",
    "container": "its container",
}


@dataclass(frozen=True)
class Origin:
    """When a file begins, and what recorded it, as one source tells it."""

    clock: Clock | None = None
    recorder: str | None = None  # such as "SM4_0+1" of a name, or a camera's model
    serial: str | None = None  # where that is a recorder's serial number


def with_clocks(file: SurveyedFile) -> SurveyedFile:
    """The file with its clocks and its recorder. EXIF is trusted most, then name, recorder, container."""
    named, written = origin_in_name(file.path), origin_in_header(file.header)
    clocks = [clock for clock in (named.clock, written.clock) if clock is not None]
    clocks.sort(key=lambda clock: _TRUST[clock.source])
    return replace(
        file,
        clock=clocks[0] if clocks else None,
        other_clocks=tuple(clocks[1:]),
        recorder=(named.recorder if named.serial else written.recorder) or named.recorder,
        serial=written.serial or named.serial,
    )


def origin_in_name(path: Path) -> Origin:
    """What a file's name tells.

    Known are AudioMoth (20230514_053000, 24F31901603710E1_20230514_053000, and the Unix time in hexadecimal
    of its first years: 5E90A4D4.WAV), Song Meter (SM4_20230514_053000, S4A01234_0+1_20230514_053000), cameras
    (IMG_20230514_053000123) and whatever else is like ISO 8601 (2023-05-14T05-30-00).
    """
    for found in _DATE_AND_TIME.finditer(path.stem):
        numbers = [int(number or 0) for number in found.groups()[:6]]
        try:
            time = datetime(*numbers)  # type: ignore[arg-type]  # six ints
            if found[7]:
                time = datetime.fromisoformat(f"{time.isoformat()}{found[7]}")
        except ValueError:  # digits that are no date: a catalogue number
            continue
        recorder = path.stem[: found.start()].strip("_- .") or None
        serial = (recorder or "").split("_")[0]
        return Origin(
            Clock(time, "name", resolution_seconds=1 if found[6] else 60),
            recorder,
            serial if _SERIAL.fullmatch(serial) else None,
        )
    if path.suffix.lower() == ".wav" and _UNIX_TIME_IN_HEX.fullmatch(path.stem):
        time = datetime.fromtimestamp(int(path.stem, 16), UTC)
        if time >= _FIRST_AUDIOMOTH:
            return Origin(Clock(time, "name"))
    return Origin()


def origin_in_header(header: MediaHeader) -> Origin:
    """What a file's header tells: EXIF, AudioMoth's comment, GUANO, or the container's creation time.

    A container's time is meant to be UTC; many cameras write their local time.
    """
    notes = header.notes
    if "time" in notes or "camera" in notes:
        return Origin(_exif_clock(notes), recorder=notes.get("camera"))
    if found := _AUDIOMOTH.search(notes.get("comment", "")):
        return Origin(_audiomoth_clock(found), found[6], found[6])
    if "timestamp" in notes or "serial" in notes:
        serial = notes.get("serial")
        return Origin(_clock(notes.get("timestamp", ""), "header"), serial, serial)
    clock = _clock(notes.get("creation_time", ""), "container")
    return Origin(None if clock and clock.time.year in _NEVER_SET else clock)


def _clock(written: str, source: ClockSource) -> Clock | None:
    try:
        return Clock(datetime.fromisoformat(written).replace(microsecond=0), source)
    except ValueError:
        return None


def _exif_clock(notes: dict[str, str]) -> Clock | None:
    """Of "2023:05:14 05:30:00"; a clock that was never set gives "0000:00:00 00:00:00"."""
    time = notes.get("time", "").replace(":", "-", 2)
    return _clock(time + notes.get("time_zone", ""), "exif") or _clock(time, "exif")


def _audiomoth_clock(found: re.Match[str]) -> Clock | None:
    clock_time, date, sign, hours, minutes, _ = found.groups()
    day, month, year = date.split("/")
    zone = f"{sign or '+'}{int(hours or 0):02}:{minutes or '00'}"
    return _clock(f"{year}-{month}-{day}T{clock_time}{zone}", "header")


def with_clock_faults(file: SurveyedFile, now: datetime) -> SurveyedFile:
    """The file with what is wrong with its clocks; `now` has a time zone.

    Clocks that differ by whole quarters of an hour, up to 14 hours, agree: one may be UTC, the other local.
    """
    if file.clock is None:
        return file
    time, shown = file.clock.time, _shown(file.clock)
    if time.year < _FIRST_TAPES or (time.year in _EPOCHS and time.month == 1):
        text = f"begins {shown}: the clock was not set. Find the true start in your notes."
        return file.with_fault("impossible_clock", text)
    if (time if time.tzinfo else time.replace(tzinfo=_LATEST_ZONE)) > now + timedelta(minutes=10):
        text = f"begins {shown}, in the future: the clock was set wrong."
        return file.with_fault("impossible_clock", text)
    for other in file.other_clocks:
        if not clocks_agree(file.clock, other):
            text = f"begins {shown}, but {_shown(other)}"
            if other.source == "container":  # which programs set anew when they save a video
                return replace(file, notes=(*file.notes, text))
            return file.with_fault("clocks_disagree", f"{text}: renamed, or a clock set wrong.")
    return file


def clocks_agree(one: Clock, other: Clock) -> bool:
    """Whether two clocks of a file can mean the same moment."""
    apart = abs((one.wall_time - other.wall_time).total_seconds())
    off_quarter = min(apart % _QUARTER_HOUR_SECONDS, -apart % _QUARTER_HOUR_SECONDS)
    resolution = max(one.resolution_seconds, other.resolution_seconds)
    return (
        apart <= _WIDEST_ZONES_SECONDS + _TOLERANCE_SECONDS
        and off_quarter <= _TOLERANCE_SECONDS + resolution
    )


def _shown(clock: Clock) -> str:
    return f"{clock.time.isoformat(sep=' ')} by {_SOURCES[clock.source]}"
