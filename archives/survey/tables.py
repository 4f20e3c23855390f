"""A survey as files: a table with one row per file, the hours of each day, and a summary for programs."""

from __future__ import annotations

import io
import json
from pathlib import Path

from archives.survey.records import SurveyedFile
from archives.survey.summary import survey_to_record
from archives.survey.survey import Survey
from media.atomic import write_atomically, write_text_atomically
from media.cells import csv_text

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


def write_survey(path: str | Path, survey: Survey) -> tuple[Path, ...]:
    """Writes a survey; what is written, the ending says.

    Args:
        path: ends in .csv or .parquet for the table of files, in .json for the summary; any
            other path is a folder, which gets files.csv, hours.csv and survey.json.
        survey: to be written.
    Returns:
        The files that were written.
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
