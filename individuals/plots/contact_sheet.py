"""Contact sheets: crops of each individual in each video, to see at a glance whether a count is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from individuals.outputs.media_names import short_media_names
from individuals.plots.page_style import (
    A4_WIDTH,
    COLOURS,
    FAINT,
    INK,
    PALE,
    RIGHT,
    WRONG,
    empty_page,
)
from inference.plot_labels import individual_label, plot_labels

if TYPE_CHECKING:
    from individuals.count import VideoCount

LABEL_WIDTH, CROP, GAP = 1.6, 0.6, 0.035  # inches
ROOM = A4_WIDTH - LABEL_WIDTH - 0.1
LINE_HEIGHT, NOTE_HEIGHT = 0.94, 0.5
LINES_PER_PAGE = 11  # of A4, upright


def plot_individuals(
    counted: VideoCount,
    truth: Mapping[str, int] | None = None,
    *,
    names: Mapping[str, str] | None = None,
    at_most_lines: int = 40,
) -> Figure:
    """Each video with its count, and crops of each individual that was found in it.

    A frame and "↔" mark an individual that is in several videos; up to six such individuals have a colour
    each. "⚠ #4" says that it looks like #4 but was seen together with it. The bar under a crop is its
    quality.

    Args:
        counted: from `count_individuals`.
        truth: the true number of each video, by its path, where it is known.
        names: what to call individuals, by their numbers as text.
        at_most_lines: int >= 1; what does not fit is told below, and is on `plot_individual_pages`.
    """
    lines = _lines(counted, truth or {}, names or {})
    if not lines:
        return empty_page("No video could be read.")
    return _draw(lines[:at_most_lines], _rest(lines[at_most_lines:]))


def plot_individual_pages(
    counted: VideoCount,
    truth: Mapping[str, int] | None = None,
    *,
    names: Mapping[str, str] | None = None,
) -> list[Figure]:
    """All of `plot_individuals`, on as many A4 pages as it takes (one, if there is nothing to see)."""
    lines = _lines(counted, truth or {}, names or {})
    starts = range(0, len(lines), LINES_PER_PAGE)
    pages = [
        _draw(lines[start : start + LINES_PER_PAGE], f"page {number} of {len(starts)}")
        for number, start in enumerate(starts, start=1)
    ]
    return pages or [plot_individuals(counted)]


@dataclass(frozen=True)
class _Shown:
    """An individual in a video."""

    title: str
    colour: str | None
    crops: tuple[np.ndarray, ...]
    qualities: tuple[float | None, ...]


@dataclass(frozen=True)
class _Line:
    """A line of the sheet; only a video's first on a page says its name."""

    video: str
    label: str
    label_colour: str
    shown: tuple[_Shown, ...]


def _lines(counted: VideoCount, truth: Mapping[str, int], names: Mapping[str, str]) -> list[_Line]:
    crops = _crops_of_each(counted)
    linked = sorted(counted.count.links)
    colours = COLOURS if len(linked) <= len(COLOURS) else [INK] * len(linked)
    colour_of = dict(zip(linked, colours, strict=False))
    titles = _titles(counted, names)
    short = short_media_names(counted.per_video)
    labels = dict(
        zip(counted.per_video, plot_labels(list(short.values()), 22, "video"), strict=True)
    )
    lines = []
    for video, number in counted.per_video.items():
        people = crops.get(video, {})
        num_crops = 3 if len(people) <= 3 else 2 if len(people) <= 5 else 1
        shown = [
            _Shown(titles[who, video], colour_of.get(who), *_best(seen, num_crops))
            for who, seen in sorted(people.items())
        ]
        colour, text = INK, f"{labels[video]}\n{number} found"
        if video in truth:
            colour = RIGHT if number == truth[video] else WRONG
            text += f", {truth[video]} true"
        lines += [_Line(video, text, colour, line) for line in _broken(shown)]
    return lines


def _broken(shown: Sequence[_Shown]) -> list[tuple[_Shown, ...]]:
    """As many on a line as there is room for; a line without anyone for a video without anyone."""
    lines: list[list[_Shown]] = [[]]
    for one in shown:
        if lines[-1] and sum(map(_width, [*lines[-1], one])) > ROOM:
            lines.append([])
        lines[-1].append(one)
    return [tuple(line) for line in lines]


def _width(shown: _Shown) -> float:
    """Of an individual's crops with the gap behind them, in inches."""
    return len(shown.crops) * (CROP + GAP) + 2 * GAP


_Seen = list[tuple[np.ndarray, float | None]]


def _crops_of_each(counted: VideoCount) -> dict[str, dict[int, _Seen]]:
    every: dict[str, dict[int, _Seen]] = {}
    table = counted.table
    for label, sighting, crop in zip(
        counted.count.labels, table.sightings, table.crops, strict=True
    ):
        people = every.setdefault(sighting.media, {})
        people.setdefault(int(label), []).append((crop, sighting.quality))
    return every


def _best(seen: _Seen, num: int) -> tuple[tuple[np.ndarray, ...], tuple[float | None, ...]]:
    """Crops spread over the time, of each part the best."""
    parts = np.array_split(np.arange(len(seen)), min(num, len(seen)))
    chosen = []
    for part in parts:
        middle = part[len(part) // 2]
        chosen.append(max(part, key=lambda i: (seen[i][1] or 0.0, -abs(int(i) - int(middle)))))
    return tuple(seen[i][0] for i in chosen), tuple(seen[i][1] for i in chosen)


def _titles(counted: VideoCount, names: Mapping[str, str]) -> dict[tuple[int, str], str]:
    """What stands over each individual's crops in each video."""
    alike: dict[int, list[int]] = {}
    for conflict in counted.count.conflicts:
        alike.setdefault(conflict.first, []).append(conflict.second)
        alike.setdefault(conflict.second, []).append(conflict.first)
    titles = {}
    for video in counted.per_video:
        for who in counted.individuals_in(video):
            parts = [individual_label(str(who), names.get(str(who)), 16)]
            parts.append("↔" if who in counted.count.links else "")
            parts += [f"⚠ #{other}" for other in sorted(set(alike.get(who, [])))[:2]]
            titles[who, video] = " ".join(part for part in parts if part)
    return titles


def _rest(lines: Sequence[_Line]) -> str:
    if not lines:
        return ""
    videos = [video for video, _ in groupby(line.video for line in lines)]
    num = sum(len(line.shown) for line in lines)
    return (
        f"not shown: {num} more individuals in {len(videos)} video{'s' if len(videos) > 1 else ''}"
    )


def _draw(lines: Sequence[_Line], note: str) -> Figure:
    height = LINE_HEIGHT * len(lines) + NOTE_HEIGHT
    figure = Figure(figsize=(A4_WIDTH, height))
    axes = figure.add_axes((0, 0, 1, 1))
    for number, line in enumerate(lines):
        top = number * LINE_HEIGHT + 0.06
        is_first = number == 0 or lines[number - 1].video != line.video
        if is_first and number:
            axes.plot([0.1, A4_WIDTH - 0.1], [top - 0.04] * 2, color="#d0d0d0", linewidth=0.6)
        if is_first:
            axes.text(
                0.12, top + 0.42, line.label, va="center", fontsize=9, color=line.label_colour
            )
        left = LABEL_WIDTH
        for shown in line.shown:
            left = _draw_individual(axes, shown, left, top)
    text = "   ".join([*_legend(lines), note])
    axes.text(0.12, height - NOTE_HEIGHT / 2, text, va="center", fontsize=8, color=FAINT)
    axes.set(xlim=(0, A4_WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    return figure


def _legend(lines: Sequence[_Line]) -> list[str]:
    """What the marks mean that are there."""
    shown = [one for line in lines for one in line.shown]
    marks = {
        "↔ in several videos": any("↔" in one.title for one in shown),
        "⚠ looks like another that it was seen together with": any(
            "⚠" in one.title for one in shown
        ),
        "bar: quality of the crop": any(q is not None for one in shown for q in one.qualities),
    }
    return [words for words, is_there in marks.items() if is_there]


def _draw_individual(axes: Axes, shown: _Shown, left: float, top: float) -> float:
    """Draws crops side by side under their title; where the next ones start."""
    bottom = top + 0.2 + CROP
    axes.text(left, top + 0.15, shown.title, fontsize=8, color=INK, va="bottom", clip_on=True)
    start = left
    for crop, quality in zip(shown.crops, shown.qualities, strict=True):
        axes.imshow(crop, extent=(left, left + CROP, bottom, bottom - CROP), aspect="auto")
        if quality is not None:
            for width, colour in ((1.0, PALE), (quality, FAINT)):
                bar = Rectangle(
                    (left, bottom + 0.02), width * CROP, 0.045, color=colour, linewidth=0
                )
                axes.add_patch(bar)
        left += CROP + GAP
    if shown.colour is not None:
        frame = Rectangle(
            (start, bottom - CROP),
            left - GAP - start,
            CROP,
            fill=False,
            edgecolor=shown.colour,
            linewidth=2,
        )
        axes.add_patch(frame)
    return left + 2 * GAP
