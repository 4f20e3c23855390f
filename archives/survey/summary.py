"""A survey in numbers and as files: a table of its files, the hours of each day, a summary for programs."""

import io
import json
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import asdict, dataclass, is_dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from archives.survey.records import SurveyedFile
from archives.survey.series import Series
from archives.survey.survey import Survey
from media.atomic import write_atomically, write_text_atomically
from media.cells import csv_text
from media.headers import MediaKind

COLUMNS = (
    *("path", "kind", "bytes", "format", "duration_seconds", "sample_rate_hz", "channels"),
    *("bits_per_sample", "width", "height", "frames_per_second", "has_sound", "begins"),
    *("begins_by", "recorder", "serial", "faults", "what_is_wrong", "notes"),
)
_TYPES = {
    **dict.fromkeys(COLUMNS, "string"),
    **dict.fromkeys(("bytes", "sample_rate_hz", "channels", "bits_per_sample"), "int64"),
    **dict.fromkeys(("width", "height"), "int64"),
    **dict.fromkeys(("duration_seconds", "frames_per_second"), "float64"),
    "has_sound": "bool",
}
_HOURS = ("folder", "recorder", "date", "hours_midnight_to_midnight", "hours_noon_to_noon")
KINDS: dict[str, MediaKind] = {"photos": "photo", "recordings": "recording", "videos": "video"}

Record = dict[str, Any]  # JSON: nested, of plain values


@dataclass(frozen=True)
class Spread:
    """How a quantity is spread over files: smallest, median, largest, and their sum."""

    smallest: float
    median: float
    largest: float
    total: float


@dataclass(frozen=True)
class KindTotals:
    """All files of one kind. Counts are values to numbers of files, most frequent first."""

    num_files: int
    num_bytes: int
    num_with_sound: int  # of videos
    durations: Spread | None  # in seconds, of those that tell; None for photos
    formats: dict[str, int]
    sample_rates_hz: dict[int, int]
    channels: dict[int, int]
    bits: dict[int, int]  # per sample
    sizes: dict[tuple[int, int], int]  # width and height
    frame_rates: dict[float, int]  # per second


def totals_of(files: Iterable[SurveyedFile], kind: MediaKind) -> KindTotals:
    """The numbers of those files that are of one kind."""
    chosen = [file for file in files if file.kind == kind]
    headers = [file.header for file in chosen]
    seconds = [header.duration_seconds for header in headers if header.duration_seconds]
    return KindTotals(
        num_files=len(chosen),
        num_bytes=sum(file.num_bytes for file in chosen),
        num_with_sound=sum(bool(header.has_sound) for header in headers),
        durations=_spread(seconds),
        formats=_counted(header.format or "unknown" for header in headers),
        sample_rates_hz=_counted(h.sample_rate_hz for h in headers if h.sample_rate_hz),
        channels=_counted(h.num_channels for h in headers if h.num_channels),
        bits=_counted(h.bits_per_sample for h in headers if h.bits_per_sample),
        sizes=_counted((h.width, h.height) for h in headers if h.width and h.height),
        frame_rates=_counted(round(h.frames_per_second, 2) for h in headers if h.frames_per_second),
    )


def not_read(files: Iterable[SurveyedFile]) -> dict[str, int]:
    """Files of kinds that are never read, by their ending ("" for none), most frequent first."""
    return _counted(file.path.suffix.lower() for file in files if file.kind == "other")


def faults_by_kind(files: Iterable[SurveyedFile]) -> dict[str, list[tuple[Path, str]]]:
    """The files with each kind of fault, and what is wrong with them; most frequent first."""
    kinds: dict[str, dict[Path, str]] = {}
    for file in files:
        for fault in file.faults:
            kinds.setdefault(fault.kind, {}).setdefault(file.path, fault.text)
    by_number = sorted(kinds.items(), key=lambda item: -len(item[1]))
    return {kind: list(texts.items()) for kind, texts in by_number}


def survey_to_record(survey: Survey) -> Record:
    """The survey without its files that have nothing wrong, as `json.dumps` takes it; times as ISO 8601."""
    faults = faults_by_kind(survey.files)
    record = {
        "format": "fused-encoder survey",
        "version": 1,
        "inputs": survey.inputs,
        "is_deep": survey.is_deep,
        "is_sound": survey.is_sound,
        "num_files": len(survey.files),
        **{word: _totals(totals_of(survey.files, kind)) for word, kind in KINDS.items()},
        "not_read": not_read(survey.files),
        "faults": {kind: _with_names(problems) for kind, problems in faults.items()},
        "closed_folders": _with_names(survey.closed_folders),
        "copies": survey.copies,
        "same_names": survey.same_names,
        "series": [_series(one) for one in survey.series],
        "unheard": survey.unheard,
        "forecast": {
            **asdict(survey.forecast),
            "num_rows": survey.forecast.num_rows,
            "num_bytes": survey.forecast.num_bytes,
        },
    }
    return json.loads(json.dumps(record, default=_as_json, allow_nan=False))


def _totals(totals: KindTotals) -> Record:
    sizes = {f"{width}x{height}": num for (width, height), num in totals.sizes.items()}
    return {**asdict(totals), "sizes": sizes}


def _series(one: Series) -> Record:
    return {
        "folder": one.folder,
        "recorder": one.recorder,
        "num_files": len(one.files),
        "begins": one.begin,
        "ends": one.end,
        **asdict(one.schedule),
        "hours": {
            day.date.isoformat(): {"day": day.day_hours, "night": day.night_hours}
            for day in one.coverage
        },
    }


def _with_names(problems: Iterable[tuple[Path | str, str]]) -> list[Record]:
    return [{"path": path, "text": text} for path, text in problems]


def _as_json(value: Any) -> object:  # Any: a record, a path or a time
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _counted(values: Iterable[Hashable]) -> dict:
    return dict(Counter(values).most_common())


def _spread(values: list[float]) -> Spread | None:
    return Spread(min(values), median(values), max(values), sum(values)) if values else None


def write_survey(path: str | Path, survey: Survey) -> tuple[Path, ...]:
    """Writes a survey, and returns the files that were written.

    Args:
        path: ends in .csv or .parquet for the table of files, in .json for the summary; any
            other path is a folder, which gets files.csv, hours.csv and survey.json.
        survey: to be written.
    Raises:
        OSError: it cannot be written.
    """
    path = Path(path)
    match path.suffix.lower():
        case ".csv":
            rows = [file_row(file) for file in survey.files]
            return (write_text_atomically(path, csv_text(COLUMNS, rows)),)
        case ".parquet":
            return (write_atomically(path, _files_parquet(survey)),)
        case ".json":
            text = json.dumps(survey_to_record(survey), ensure_ascii=False, indent=1)
            return (write_atomically(path, f"{text}\n".encode(errors="backslashreplace")),)
    hours = [
        (str(one.folder), one.recorder, day.date.isoformat(), day.day_hours, day.night_hours)
        for one in survey.series
        for day in one.coverage
    ]
    return (
        *write_survey(path / "files.csv", survey),
        write_text_atomically(path / "hours.csv", csv_text(_HOURS, hours)),
        *write_survey(path / "survey.json", survey),
    )


def file_row(file: SurveyedFile) -> tuple[str | int | float | bool | None, ...]:
    """One file as a row with `COLUMNS`."""
    header, clock = file.header, file.clock
    return (
        *(str(file.path), file.kind, file.num_bytes, header.format, header.duration_seconds),
        *(header.sample_rate_hz, header.num_channels, header.bits_per_sample),
        *(header.width, header.height, header.frames_per_second, header.has_sound),
        *((clock.time.isoformat(), clock.source) if clock else (None, None)),
        *(file.recorder, file.serial),
        " ".join(fault.kind for fault in file.faults) or None,
        " | ".join(fault.text for fault in file.faults) or None,
        " | ".join(file.notes) or None,
    )


def _files_parquet(survey: Survey) -> bytes:
    import pyarrow  # only where a Parquet file is written
    from pyarrow import parquet

    columns = zip(*map(file_row, survey.files), strict=True)
    table = pyarrow.table(
        {
            name: pyarrow.array(map(_unicode, values), type_name)
            for (name, type_name), values in zip(_TYPES.items(), columns, strict=True)
        }
    )
    content = io.BytesIO()
    parquet.write_table(table, content)
    return content.getvalue()


def _unicode(value: object) -> object:
    """Names that are not UTF-8, which Parquet cannot hold, with their bytes as escapes."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
