"""A survey on the screen: whether one can start, then what is there, what is wrong, what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from app.reports.survey_series import gap_lines, unheard_lines
from app.reports.survey_words import (
    counted,
    in_bytes,
    in_channels,
    in_rate,
    in_time,
    listed,
    shown,
)
from archives.survey import Survey
from archives.survey.summary import KINDS, KindTotals, faults_by_kind, not_read, totals_of
from media.headers import MediaKind

FEW = 3
"""How many of each fault are listed, unless all are asked for."""
_FAULT_WORDS = {
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
    parts = [
        [verdict(survey), ""],
        _contents(survey),
        _forecast(survey),
        _faults(survey, root, most),
        gap_lines(survey.series, root, most),
        unheard_lines(survey.unheard, root, max(most, 2 * FEW)),
        _same(survey, root, most),
    ]
    return "\n".join(line for part in parts for line in part).rstrip("\n")


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
    rows = []
    for word, kind in KINDS.items():
        totals = totals_of(survey.files, kind)
        if totals.num_files:
            name = kind if totals.num_files == 1 else word
            rows.append(
                (
                    f"{totals.num_files:,}",
                    name,
                    in_bytes(totals.num_bytes),
                    "; ".join(_told(totals, kind)),
                )
            )
    widths = [max(len(row[column]) for row in rows) for column in range(3)] if rows else [0, 0, 0]
    lines = [
        f"  {number.rjust(widths[0])} {word.ljust(widths[1])}  {size.rjust(widths[2])}  {told}".rstrip()
        for number, word, size, told in rows
    ]
    others = not_read(survey.files)
    if others:
        names = listed(others, [ending or "no ending" for ending in others], 6)
        lines.append(
            f"  {sum(others.values()):>{widths[0]},} others, which are never read: {names}"
        )
    return [*lines, ""]


def _told(totals: KindTotals, kind: MediaKind) -> Iterator[str]:
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


def _forecast(survey: Survey) -> list[str]:
    forecast = survey.forecast
    parts = {
        "photo": forecast.num_photos,
        "window of 5 s": forecast.num_windows,
        "moment of videos": forecast.num_moments,
    }
    plurals = {"window of 5 s": "windows of 5 s", "moment of videos": "moments of videos"}
    told = ", ".join(counted(num, one, plurals.get(one)) for one, num in parts.items() if num)
    lines = [
        f"`embed` will make {counted(forecast.num_rows, 'embedding')}"
        + (f" ({told})" if told else "")
        + f", about {in_bytes(forecast.num_bytes)}."
    ]
    if forecast.num_unknown:
        lines.append(f"{counted(forecast.num_unknown, 'file')} of unknown length not counted in.")
    return [*lines, ""]


def _faults(survey: Survey, root: Path | None, most: int) -> list[str]:
    lines = []
    for path, reason in survey.closed_folders[:most]:
        lines.append(f"  folder not opened: {shown(path, root)}: {reason}")
    for kind, problems in faults_by_kind(survey.files).items():
        lines.append(f"  {_FAULT_WORDS[kind]}: {counted(len(problems), 'file')}")
        lines += [f"    {shown(path, root)}: {text}" for path, text in problems[:most]]
        lines += _more(len(problems), most)
    odd = [file for file in survey.files if file.notes]
    if odd:
        lines.append(f"  odd, but read all the same: {counted(len(odd), 'file')}")
        lines += [f"    {shown(file.path, root)}: {'; '.join(file.notes)}" for file in odd[:most]]
        lines += _more(len(odd), most)
    if not survey.is_deep:
        note = "Only headers were read. --deep decodes everything, and finds damage, silence and clipping."
        return ["What is wrong", *lines, f"  {note}", ""] if lines else [note, ""]
    return ["What is wrong", *lines, ""] if lines else []


def _same(survey: Survey, root: Path | None, most: int) -> list[str]:
    lines: list[str] = []
    if survey.copies:
        extra = sum(len(group) - 1 for group in survey.copies)
        lines.append(f"Copies: {counted(extra, 'file')} could go, equal to another byte by byte.")
        lines += _groups(survey.copies, root, most)
    if survey.same_names:
        files = sum(map(len, survey.same_names))
        lines.append(
            f"Equal names in different folders: {files:,} files. No error; name folders when you cite them."
        )
        if most > FEW:
            lines += _groups(survey.same_names, root, most)
    return lines


def _groups(groups: Sequence[Sequence[Path]], root: Path | None, most: int) -> list[str]:
    lines = [f"  {' = '.join(shown(path, root) for path in group[:4])}" for group in groups[:most]]
    return [*lines, *_more(len(groups), most, "  ")]


def _more(num: int, most: int, indent: str = "    ") -> list[str]:
    return (
        [f"{indent}... {num - most:,} more (--all lists them, --out keeps them)"]
        if num > most
        else []
    )
