"""A survey as files: a table with one row per file, the hours of each day, and a summary for programs."""

from __future__ import annotations

import io
import json
from pathlib import Path

from archives.survey.records import SurveyedFile
from archives.survey.summary import survey_to_record
from archives.survey.survey import Survey
from media.atomic import write_atomically
from media.cells import csv_text

COLUMNS = (
    *("path", "kind", "bytes", "format", "duration_seconds", "sample_rate_hz", "channels"),
    *("bits_per_sample", "width", "height", "frames_per_second", "has_sound", "begins"),
    *("begins_by", "recorder", "serial", "faults", "what_is_wrong", "notes"),
)
_WHOLE = {"bytes", "sample_rate_hz", "channels", "bits_per_sample", "width", "height"}
_NUMBERS = {"duration_seconds", "frames_per_second"}


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
    ending = path.suffix.lower()
    if ending == ".csv":
        return (write_atomically(path, _files_csv(survey)),)
    if ending == ".parquet":
        return (write_atomically(path, _files_parquet(survey)),)
    if ending == ".json":
        return (write_atomically(path, _summary_json(survey)),)
    return (
        write_atomically(path / "files.csv", _files_csv(survey)),
        write_atomically(path / "hours.csv", _hours_csv(survey)),
        write_atomically(path / "survey.json", _summary_json(survey)),
    )


def file_row(file: SurveyedFile) -> dict[str, str | int | float | bool | None]:
    """One file as a row with `COLUMNS`.

    Args:
        file: of a survey.
    """
    clock = file.clock
    values = (
        *(str(file.path), file.kind, file.num_bytes, file.format, file.duration_seconds),
        *(file.sample_rate_hz, file.num_channels, file.bits_per_sample, file.width, file.height),
        *(file.frames_per_second, file.has_sound, clock.time.isoformat() if clock else None),
        *(clock.source if clock else None, file.recorder, file.serial),
        " ".join(fault.kind for fault in file.faults) or None,
        " | ".join(fault.text for fault in file.faults) or None,
        " | ".join(file.notes) or None,
    )
    return dict(zip(COLUMNS, values, strict=True))


def _files_csv(survey: Survey) -> bytes:
    rows = [list(file_row(file).values()) for file in survey.files]
    return csv_text(COLUMNS, rows).encode("utf-8", errors="surrogateescape")


def _hours_csv(survey: Survey) -> bytes:
    rows = [
        (
            str(one.series.folder),
            one.series.recorder,
            day.date.isoformat(),
            day.day_hours,
            day.night_hours,
        )
        for one in survey.series
        for day in one.coverage
    ]
    header = ("folder", "recorder", "date", "hours_midnight_to_midnight", "hours_noon_to_noon")
    return csv_text(header, rows).encode("utf-8", errors="surrogateescape")


def _summary_json(survey: Survey) -> bytes:
    text = json.dumps(survey_to_record(survey), ensure_ascii=False, indent=1, allow_nan=False)
    return (text + "\n").encode("utf-8", errors="backslashreplace")


def _files_parquet(survey: Survey) -> bytes:
    import pyarrow  # only where a Parquet file is written
    from pyarrow import parquet

    types = {
        **dict.fromkeys(COLUMNS, pyarrow.string()),
        **dict.fromkeys(_WHOLE, pyarrow.int64()),
        **dict.fromkeys(_NUMBERS, pyarrow.float64()),
        "has_sound": pyarrow.bool_(),
    }
    rows = [
        {name: _unicode(value) for name, value in file_row(file).items()} for file in survey.files
    ]
    schema = pyarrow.schema([(name, types[name]) for name in COLUMNS])
    content = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), content)
    return content.getvalue()


def _unicode(value: object) -> object:
    """Names that are not UTF-8, which Parquet cannot hold, with their bytes as escapes."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
