"""A survey on the screen: whether one can start, then what is there, what is wrong, what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

from app.reports.rendering import templates
from app.reports.survey_words import (
    counted,
    in_bytes,
    in_channels,
    in_minutes,
    in_rate,
    in_time,
    listed,
    shown,
)
from app.reports.unheard import unheard_text
from archives.survey import Schedule, Survey
from archives.survey.series import Series
from archives.survey.summary import KINDS, KindTotals, faults_by_kind, not_read, totals_of
from media.headers import MediaKind

FEW = 3
"""How many of each fault are listed, unless all are asked for."""
MOST_CHANGES = 3
FAULT_WORDS = {
    "empty": "empty",
    "unreadable": "cannot be read",
    "truncated": "end is missing",
    "other_content": "not what the name says",
    "no_sound": "without sound",
    "too_short": "too short",
    "impossible_clock": "impossible clock",
    "clocks_disagree": "clocks that contradict each other",
    "overlap": "overlap with the file before",
    "damaged": "damaged",
    "blank": "blank",
    "silent": "silent",
    "clipped": "clipped",
    "non_finite": "NaN or infinite samples",
}


def survey_page(survey: Survey, *, lists_all: bool = False) -> str:
    """The survey as text, most important first.

    Args:
        survey: any.
        lists_all: whether every fault, gap and copy is listed, or the first few of each.
    """
    most = len(survey.files) + 1 if lists_all else FEW
    root = Path(survey.inputs[0]) if len(survey.inputs) == 1 else None
    page = templates()
    page.filters |= {
        "bytes": in_bytes,
        "count": counted,
        "median": median,
        "minutes": in_minutes,
        "nights": _night_hours,
        "path": partial(shown, root=root),
        "schedule": _schedule,
        "time": in_time,
    }
    recorders = [one for one in survey.series if len(one.files) > 1]
    return (
        page.get_template("survey.txt")
        .render(
            survey=survey,
            lists_all=lists_all,
            most=most,
            verdict=verdict(survey),
            contents=_contents(survey),
            forecast=list(_forecast(survey)),
            faults=faults_by_kind(survey.files),
            fault_words=FAULT_WORDS,
            odd=[file for file in survey.files if file.notes],
            recorders=[one for one in recorders if one.schedule.gaps],
            regular=[one for one in recorders if not one.schedule.gaps],
            unheard=unheard_text(survey.unheard, root, max(most, 2 * FEW)),
            extra_copies=sum(len(group) - 1 for group in survey.copies),
        )
        .rstrip("\n")
    )


def verdict(survey: Survey) -> str:
    """Whether one can start, in one sentence.

    Args:
        survey: any.
    """
    media = survey.media
    readable = [file for file in media if file.is_usable]
    closed = len(survey.closed_folders)
    if not readable:
        return f"You cannot start: nothing in {_named(survey)} can be read. What is wrong stands below."
    num_lost = len(media) - len(readable)
    doubtful = [file for file in survey.faulty if file.is_usable]
    gaps = sum(len(one.schedule.gaps) for one in survey.series)
    but = [
        *([f"{counted(num_lost, 'file')} will be left out"] if num_lost else []),
        *([f"{counted(len(doubtful), 'file')} should be looked at"] if doubtful else []),
        *([f"{counted(closed, 'folder')} could not be opened"] if closed else []),
        *([_missing(gaps)] if gaps else []),
    ]
    if not but:
        return f"You can start: all {counted(len(media), 'file')} in {_named(survey)} look right."
    return (
        f"You can start with {len(readable):,} of {counted(len(media), 'file')}, but "
        + "; ".join(but)
        + "."
    )


def _missing(num_gaps: int) -> str:
    is_missing = "is missing" if num_gaps == 1 else "are missing"
    return f"{counted(num_gaps, 'stretch', 'stretches')} of recordings {is_missing}"


def _named(survey: Survey) -> str:
    return ", ".join(f"'{shown(given)}'" for given in survey.inputs[:3])


def _contents(survey: Survey) -> list[str]:
    """A line for each kind of file, aligned."""
    rows = []
    for word, kind in KINDS.items():
        totals = totals_of(survey.files, kind)
        if totals.num_files:
            name = kind if totals.num_files == 1 else word
            size, details = in_bytes(totals.num_bytes), "; ".join(_details(totals, kind))
            rows.append((f"{totals.num_files:,}", name, size, details))
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    lines = [
        f"{number:>{widths[0]}} {word:<{widths[1]}}  {size:>{widths[2]}}  {details}".rstrip()
        for number, word, size, details in rows
    ]
    if others := not_read(survey.files):
        names = listed(others, [ending or "no ending" for ending in others], 6)
        lines.append(f"{sum(others.values()):>{widths[0]},} others, which are never read: {names}")
    return lines


def _details(totals: KindTotals, kind: MediaKind) -> Iterator[str]:
    if totals.durations:
        spread = totals.durations
        yield in_time(spread.total)
        yield (
            f"{in_time(spread.median)} each"
            if spread.smallest == spread.largest
            else f"{in_time(spread.smallest)} to {in_time(spread.largest)} each"
        )
    yield listed(totals.formats, list(totals.formats))
    if totals.sizes:
        smallest, largest = (
            pick(totals.sizes, key=lambda size: size[0] * size[1]) for pick in (min, max)
        )
        sizes = [f"{width} x {height}" for width, height in dict.fromkeys((smallest, largest))]
        yield " to ".join(sizes) + " pixels"
    if totals.frame_rates:
        yield listed(totals.frame_rates, [f"{rate:g}/s" for rate in totals.frame_rates])
    if kind == "video":
        without = totals.num_files - totals.num_with_sound
        yield f"{without:,} without sound" if without else "all with sound"
        return
    if totals.sample_rates_hz:
        yield listed(totals.sample_rates_hz, [in_rate(rate) for rate in totals.sample_rates_hz])
        yield listed(totals.channels, [in_channels(num) for num in totals.channels])
    if totals.bits:
        yield listed(totals.bits, [f"{bits} bit" for bits in totals.bits])


def _forecast(survey: Survey) -> Iterator[str]:
    forecast = survey.forecast
    if forecast.num_photos:
        yield counted(forecast.num_photos, "photo")
    if forecast.num_windows:
        yield counted(forecast.num_windows, "window of 5 s", "windows of 5 s")
    if forecast.num_moments:
        yield counted(forecast.num_moments, "moment of videos", "moments of videos")


def _night_hours(series: Series) -> list[float]:
    """Hours of sound from noon to noon, without empty nights at the end."""
    hours = [day.night_hours for day in series.coverage]
    while hours and hours[-1] == 0:
        hours.pop()
    return hours


def _schedule(schedule: Schedule) -> str:
    if schedule.step_seconds is None:
        return ""
    if not schedule.is_regular:
        return f", at irregular times (median {in_time(schedule.step_seconds)} apart)"
    first, *later = schedule.steps
    changes = [
        f", then every {in_time(step.seconds)} from {in_minutes(step.since)}" for step in later
    ]
    if len(changes) > MOST_CHANGES:
        return f", every {in_time(schedule.step_seconds)}, with {len(changes)} changes of schedule"
    return f", every {in_time(first.seconds)}" + "".join(changes)
