"""What a survey says of each recorder's schedule, and of what YAMNet will not hear."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from app.cli.outcome import table
from app.reports.survey_words import counted, in_minutes, in_rate, in_share, in_time, shown
from archives.survey import Schedule, Series, UnheardShare
from archives.survey.high_frequencies import HIGHEST_HEARD_HZ

_MUCH = 0.3
_YAMNET_RATE_HZ = 16_000
_MOST_CHANGES = 3


def gap_lines(series: Sequence[Series], root: Path | None, most: int) -> list[str]:
    """Each recorder in each place: its times, its step, its hours, and what is missing.

    Args:
        series: of a survey.
        root: left out of paths.
        most: how many recorders without gaps, and gaps of one recorder, are listed.
    """
    if not series:
        return []
    several = [one for one in series if len(one.files) > 1]
    with_gaps = [one for one in several if one.schedule.gaps]
    whole = [one for one in several if not one.schedule.gaps]
    if not several:
        return []
    lines = ["Recorders and their schedules"]
    for one in [*with_gaps, *whole[:most]]:
        lines += _recorder(one, root, most)
    if len(whole) > most:
        lines.append(f"  ... {len(whole) - most:,} more without gaps")
    return [*lines, ""]


def _recorder(series: Series, root: Path | None, most: int) -> list[str]:
    schedule = series.schedule
    place = shown(series.folder, root)
    name = place if series.recorder is None else f"{place} [{shown(series.recorder)}]"
    lines = [
        f"  {name}: {counted(len(series.files), 'file')}, {in_minutes(series.begin)} to"
        f" {in_minutes(series.end)}{_told_step(schedule)}"
    ]
    hours = [day.night_hours for day in series.coverage]
    while hours and hours[-1] == 0:
        hours.pop()
    if len(hours) > 1:
        silent = sum(hour == 0 for hour in hours)
        without = f"; {counted(silent, 'night')} without any" if silent else ""
        heard = in_time(3600 * median(hours))
        lines.append(f"    {heard} of sound from noon to noon (median){without}")
    for gap in schedule.gaps[:most]:
        lines.append(
            f"    missing: {counted(gap.num_missing, 'file')} between {in_minutes(gap.after)} and"
            f" {in_minutes(gap.until)}"
        )
    if len(schedule.gaps) > most:
        lines.append(f"    ... {counted(len(schedule.gaps) - most, 'more gap')} (--all lists them)")
    return lines


def _told_step(schedule: Schedule) -> str:
    if schedule.step_seconds is None:
        return ""
    if not schedule.is_regular:
        return f", at irregular times (median {in_time(schedule.step_seconds)} apart)"
    first, *later = schedule.steps
    changes = [
        f", then every {in_time(step.seconds)} from {in_minutes(step.since)}" for step in later
    ]
    if len(changes) > _MOST_CHANGES:
        return f", every {in_time(schedule.step_seconds)}, with {len(changes)} changes of schedule"
    return f", every {in_time(first.seconds)}" + "".join(changes)


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
    reaching = [share for share in ranked if share.highest_rate_hz > 2 * HIGHEST_HEARD_HZ]
    rows = [
        (
            f"  {shown(share.folder, root)}",
            in_share(share.mean_share),
            in_share(share.highest_share),
            in_rate(share.highest_rate_hz),
            share.num_files,
        )
        for share in reaching[:most]
    ]
    lines = ["Above YAMNet's ears (it hears 125 to 7,500 Hz): share of the energy, in a sample"]
    if rows:
        lines.append(table(rows, ("  folder", "mean", "highest file", "rate", "files heard")))
    if len(reaching) > most:
        lines.append(f"  ... {len(reaching) - most:,} folders with less (--all lists them)")
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
            f"  {counted(len(low), 'folder')} with rates below 16 kHz: nothing above"
            f" {lowest // 2:,} Hz is in them."
        )
    return lines
