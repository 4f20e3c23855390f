"""What a survey says of each recorder's schedule, and of what YAMNet will not hear."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from app.commands.outcome import table
from app.survey_words import counted, in_minutes, in_rate, in_share, in_time, shown
from inference.survey import SurveyedSeries, UnheardShare

_MUCH = 0.3
_YAMNET_RATE_HZ = 16_000


def gap_lines(series: Sequence[SurveyedSeries], root: Path | None, most: int) -> list[str]:
    """Each recorder in each place: its times, its step, its hours, and what is missing.

    Args:
        series: of a survey.
        root: left out of paths.
        most: how many recorders without gaps, and gaps of one recorder, are listed.
    """
    if not series:
        return []
    with_gaps = [one for one in series if one.schedule.gaps]
    whole = [one for one in series if not one.schedule.gaps]
    lines = ["Recorders and their schedules"]
    for one in [*with_gaps, *whole[:most]]:
        lines += _recorder(one, root, most)
    if len(whole) > most:
        lines.append(f"  ... {len(whole) - most:,} more without gaps")
    return [*lines, ""]


def _recorder(one: SurveyedSeries, root: Path | None, most: int) -> list[str]:
    series, schedule = one.series, one.schedule
    place = shown(series.folder, root)
    name = place if series.recorder is None else f"{place} [{shown(series.recorder)}]"
    step = ""
    if schedule.step_seconds:
        every = in_time(schedule.step_seconds)
        step = (
            f", every {every}" if schedule.is_regular else f", at irregular times (median {every})"
        )
    lines = [
        f"  {name}: {counted(len(series.files), 'file')}{step},"
        f" {in_minutes(series.starts[0])} to {in_minutes(series.end)}"
    ]
    if len(one.coverage) > 1:
        hours = [day.night_hours for day in one.coverage]
        silent = sum(hour == 0 for hour in hours[:-1])
        without = f"; {counted(silent, 'night')} without any" if silent else ""
        lines.append(f"    {median(hours):.1f} hours from noon to noon (median){without}")
    for gap in schedule.gaps[:most]:
        lines.append(
            f"    missing: {counted(gap.num_missing, 'file')} between {in_minutes(gap.after)} and"
            f" {in_minutes(gap.until)}"
        )
    if len(schedule.gaps) > most:
        lines.append(f"    ... {counted(len(schedule.gaps) - most, 'more gap')} (--all lists them)")
    return lines


def unheard_lines(unheard: Sequence[UnheardShare], root: Path | None, most: int) -> list[str]:
    """How much of each folder's sound lies above what YAMNet hears, and what that means.

    Args:
        unheard: of a survey.
        root: left out of paths.
        most: how many folders are listed, those with the highest shares first.
    """
    if not unheard:
        return []
    ranked = sorted(unheard, key=lambda share: -share.mean_share)
    rows = [
        (
            f"  {shown(share.folder, root)}",
            in_share(share.mean_share),
            in_share(share.highest_share),
            in_rate(share.highest_rate_hz),
            share.num_files,
        )
        for share in ranked[:most]
    ]
    lines = [
        "Above YAMNet's ears (it hears 125 to 7,500 Hz), share of the energy in a sample",
        table(rows, ("  folder", "mean", "highest file", "rate", "files heard")),
    ]
    if len(ranked) > most:
        lines.append(f"  ... {len(ranked) - most:,} folders with less (--all lists them)")
    return [*lines, *_meaning(ranked), ""]


def _meaning(ranked: Sequence[UnheardShare]) -> list[str]:
    lines = []
    much = sum(share.mean_share >= _MUCH for share in ranked)
    if much:
        lines.append(
            f"  In {counted(much, 'folder')} a third or more is up there: what calls so high (bats, insects,"
            " some warblers) is not heard,\n  and what is heard may be the background."
        )
    elif any(share.highest_share >= _MUCH for share in ranked):
        lines.append(
            "  Single files have much up there: bats, insects and some warblers are not heard."
        )
    low = [share for share in ranked if share.lowest_rate_hz < _YAMNET_RATE_HZ]
    if low:
        lowest = min(share.lowest_rate_hz for share in low)
        lines.append(
            f"  {counted(len(low), 'folder')} with rates below 16 kHz: above {lowest // 2:,} Hz they hold nothing."
        )
    return lines
