"""A survey on the screen, `templates/survey.txt`: whether one can start, what is there, what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

from app.cli.outcome import table
from app.reports.page import templates
from app.reports.survey_words import (
    counted,
    in_bytes,
    in_channels,
    in_minutes,
    in_rate,
    in_share,
    in_time,
    listed,
    shown,
)
from archives.survey import Schedule, Survey, UnheardShare
from archives.survey.high_frequencies import HIGHEST_HEARD_HZ
from archives.survey.series import Series
from archives.survey.summary import KINDS, KindTotals, faults_by_kind, not_read, totals_of
from fused_encoder.front_ends import YAMNET
from media.headers import MediaKind

FEW = 3
"""How many of each fault are listed, unless all are asked for."""
MOST_CHANGES = 3
MUCH_UNHEARD = 0.3
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
        "shown": shown,
        "time": in_time,
    }
    recorders = [one for one in survey.series if len(one.files) > 1]
    readable = [file for file in survey.media if file.is_usable]
    ranked = sorted(survey.unheard, key=lambda share: -share.mean_share)
    reaching = [share for share in ranked if share.highest_rate_hz > 2 * HIGHEST_HEARD_HZ]
    text = page.get_template("survey.txt").render(
        survey=survey,
        lists_all=lists_all,
        most=len(survey.files) + 1 if lists_all else FEW,
        num_readable=len(readable),
        num_lost=len(survey.media) - len(readable),
        num_doubtful=sum(file.is_usable for file in survey.faulty),
        num_gaps=sum(len(one.schedule.gaps) for one in survey.series),
        contents=_contents(survey),
        faults=faults_by_kind(survey.files),
        fault_words=FAULT_WORDS,
        odd=[file for file in survey.files if file.notes],
        recorders=[one for one in recorders if one.schedule.gaps],
        regular=[one for one in recorders if not one.schedule.gaps],
        reaching=reaching,
        unheard_table=partial(_unheard_table, root=root),
        num_with_much_unheard=sum(share.mean_share >= MUCH_UNHEARD for share in ranked),
        has_much_unheard=any(share.highest_share >= MUCH_UNHEARD for share in ranked),
        low_rates=[
            one.lowest_rate_hz for one in ranked if one.lowest_rate_hz < YAMNET.sample_rate_hz
        ],
        extra_copies=sum(len(group) - 1 for group in survey.copies),
    )
    return text.rstrip("\n")


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
    if len(later) > MOST_CHANGES:
        return f", every {in_time(schedule.step_seconds)}, with {len(later)} changes of schedule"
    changes = [
        f", then every {in_time(step.seconds)} from {in_minutes(step.since)}" for step in later
    ]
    return f", every {in_time(first.seconds)}" + "".join(changes)


def _unheard_table(shares: list[UnheardShare], root: Path | None) -> str:
    """How much of each folder's sound lies above what YAMNet hears."""
    rows = [
        (
            f"  {shown(share.folder, root)}",
            in_share(share.mean_share),
            in_share(share.highest_share),
            in_rate(share.highest_rate_hz),
            share.num_files,
        )
        for share in shares
    ]
    return table(rows, ("  folder", "mean", "highest file", "rate", "files heard"))
