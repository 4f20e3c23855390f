"""A survey as one nested record of plain values: what `--json` prints and survey.json holds."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from archives.survey.gaps import Gap
from archives.survey.records import Kind
from archives.survey.survey import Survey, SurveyedSeries
from archives.survey.totals import KindTotals, faults_by_kind, not_read, totals_of

FORMAT = "fused-encoder survey"
VERSION = 1
_KINDS: dict[str, Kind] = {"photos": "photo", "recordings": "recording", "videos": "video"}

Record = dict[str, Any]  # JSON: nested, of plain values


def survey_to_record(survey: Survey) -> Record:
    """The survey without its files that have nothing wrong; those are in the table.

    Args:
        survey: any.
    Returns:
        What `json.dumps` takes; times as ISO 8601, by the recorders' own clocks.
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "inputs": list(survey.inputs),
        "is_deep": survey.is_deep,
        "is_sound": survey.is_sound,
        "num_files": len(survey.files),
        **{word: _totals(totals_of(survey.files, kind)) for word, kind in _KINDS.items()},
        "not_read": not_read(survey.files),
        "faults": {
            kind: [
                {
                    "path": str(file.path),
                    "text": next(fault.text for fault in file.faults if fault.kind == kind),
                }
                for file in files
            ]
            for kind, files in faults_by_kind(survey.files).items()
        },
        "closed_folders": [
            {"path": path, "text": reason} for path, reason in survey.closed_folders
        ],
        "copies": [[str(path) for path in group] for group in survey.copies],
        "same_names": [[str(path) for path in group] for group in survey.same_names],
        "series": [_series(one) for one in survey.series],
        "unheard": [{**asdict(share), "folder": str(share.folder)} for share in survey.unheard],
        "forecast": {
            **asdict(survey.forecast),
            "num_rows": survey.forecast.num_rows,
            "num_bytes": survey.forecast.num_bytes,
        },
    }


def _totals(totals: KindTotals) -> Record:
    record = asdict(totals)
    record["formats"] = {name or "unknown": num for name, num in totals.formats.items()}
    record["sizes"] = {f"{width}x{height}": num for (width, height), num in totals.sizes.items()}
    for name in ("sample_rates_hz", "channels", "bits", "frame_rates"):
        record[name] = {str(value): num for value, num in record[name].items()}
    return record


def _series(one: SurveyedSeries) -> Record:
    series, schedule = one.series, one.schedule
    return {
        "folder": str(series.folder),
        "recorder": series.recorder,
        "num_files": len(series.files),
        "begins": series.starts[0].isoformat(),
        "ends": series.end.isoformat(),
        "step_seconds": schedule.step_seconds,
        "steps": [{"seconds": s.seconds, "since": s.since.isoformat()} for s in schedule.steps],
        "is_regular": schedule.is_regular,
        "gaps": [_gap(gap) for gap in schedule.gaps],
        "hours": {
            day.date.isoformat(): {"day": day.day_hours, "night": day.night_hours}
            for day in one.coverage
        },
    }


def _gap(gap: Gap) -> Record:
    return {
        "after": gap.after.isoformat(),
        "until": gap.until.isoformat(),
        "num_missing": gap.num_missing,
    }
