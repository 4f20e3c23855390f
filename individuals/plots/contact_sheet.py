"""Contact sheets: crops of each individual in each video, to see at a glance whether a count is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from individuals.outputs.media_details import short_media_names
from individuals.plots.page_style import (
    A4_WIDTH,
    COLOURS,
    FAINT,
    INK,
    PALE,
    RIGHT,
    WRONG,
    Style,
    empty_page,
)
from inference.plot_labels import individual_label, plot_labels

if TYPE_CHECKING:
    from individuals.count import VideoCount

Crop = tuple[np.ndarray, float | None]  # with its quality
LABEL_WIDTH, CROP, GAP = 1.6, 0.6, 0.035  # inches
ROOM = A4_WIDTH - LABEL_WIDTH - 0.1
LINE_HEIGHT, NOTE_HEIGHT = 0.94, 0.5
LINES_PER_PAGE = 11  # of A4, upright
AT_MOST_LINES = 40  # of a picture of one page
MARKS = (
    "↔ in several videos   ⚠ looks like another that it was seen together with   "
    "bar: quality of the crop"
)


def plot_individuals(
    counted: VideoCount,
    truth: Mapping[str, int] | None = None,
    *,
    names: Mapping[str, str] | None = None,
) -> Figure:
    """Each video with its count, and crops of each individual that was found in it.

    A frame and "↔" mark an individual that is in several videos; up to six such individuals have a colour
    each. "⚠ #4" says that it looks like #4 but was seen together with it. The bar under a crop is its
    quality. What does not fit is told below, and is on `plot_individual_pages`.

    Args:
        counted: from `count_individuals`.
        truth: the true number of each video, by its path, where it is known.
        names: what to call individuals, by their numbers as text.
    """
    lines = _lines(counted, truth or {}, names or {})
    if not lines:
        return empty_page("No video could be read.")
    rest = lines[AT_MOST_LINES:]
    num, videos = sum(len(line.shown) for line in rest), {line.video for line in rest}
    told = f"not shown: {num} more individuals in {len(videos)} video{'s' * (len(videos) > 1)}"
    return _draw(lines[:AT_MOST_LINES], told if rest else "")


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
    crops: list[Crop]

    @property
    def width(self) -> float:
        """Of the crops with the gap behind them, in inches."""
        return len(self.crops) * (CROP + GAP) + 2 * GAP


@dataclass(frozen=True)
class _Line:
    """A line of the sheet; only a video's first on a page says its name."""

    video: str
    label: str
    label_colour: str
    shown: tuple[_Shown, ...]


def _lines(counted: VideoCount, truth: Mapping[str, int], names: Mapping[str, str]) -> list[_Line]:
    crops: dict[str, dict[int, list[Crop]]] = {}
    rows = zip(
        counted.count.labels.tolist(), counted.table.sightings, counted.table.crops, strict=True
    )
    for label, sighting, crop in rows:
        people = crops.setdefault(sighting.media, {})
        people.setdefault(label, []).append((crop, sighting.quality))
    linked = sorted(counted.count.links)
    colours = COLOURS if len(linked) <= len(COLOURS) else [INK] * len(linked)
    colour_of = dict(zip(linked, colours, strict=False))
    marks = _marks(counted)
    short = plot_labels(list(short_media_names(counted.per_video).values()), 22, "video")
    lines = []
    for (video, number), label in zip(counted.per_video.items(), short, strict=True):
        people = crops.get(video, {})
        num_crops = 3 if len(people) <= 3 else 2 if len(people) <= 5 else 1
        shown = []
        for who in sorted(people):
            name = individual_label(str(who), names.get(str(who)), 16)
            title = " ".join([name, *marks.get(who, ())])
            shown.append(_Shown(title, colour_of.get(who), _best(people[who], num_crops)))
        colour, text = INK, f"{label}\n{number} found"
        if video in truth:
            colour = RIGHT if number == truth[video] else WRONG
            text += f", {truth[video]} true"
        lines += [_Line(video, text, colour, line) for line in _broken(shown)]
    return lines


def _marks(counted: VideoCount) -> dict[int, list[str]]:
    """What stands behind the name of an individual."""
    marks = {who: ["↔"] for who in counted.count.links}
    alike: dict[int, set[int]] = {}
    for conflict in counted.count.conflicts:
        alike.setdefault(conflict.first, set()).add(conflict.second)
        alike.setdefault(conflict.second, set()).add(conflict.first)
    for who, others in alike.items():
        marks.setdefault(who, []).extend(f"⚠ #{other}" for other in sorted(others)[:2])
    return marks


def _best(seen: Sequence[Crop], num: int) -> list[Crop]:
    """Crops spread over the time, of each part the best."""
    parts = np.array_split(np.arange(len(seen)), min(num, len(seen)))
    return [seen[max(part, key=lambda row: seen[row][1] or 0.0)] for part in parts]


def _broken(shown: Sequence[_Shown]) -> list[tuple[_Shown, ...]]:
    """As many on a line as there is room for; a line without anyone for a video without anyone."""
    lines: list[list[_Shown]] = [[]]
    for one in shown:
        if lines[-1] and sum(other.width for other in [*lines[-1], one]) > ROOM:
            lines.append([])
        lines[-1].append(one)
    return [tuple(line) for line in lines]


def _draw(lines: Sequence[_Line], note: str) -> Figure:
    height = LINE_HEIGHT * len(lines) + NOTE_HEIGHT
    figure = Figure(figsize=(A4_WIDTH, height))
    axes = figure.add_axes((0, 0, 1, 1))
    before = None
    for number, line in enumerate(lines):
        top = number * LINE_HEIGHT + 0.06
        if line.video != before:
            if before is not None:
                axes.plot([0.1, A4_WIDTH - 0.1], [top - 0.04] * 2, color="#d0d0d0", linewidth=0.6)
            axes.text(
                0.12, top + 0.42, line.label, va="center", fontsize=9, color=line.label_colour
            )
        before, left = line.video, LABEL_WIDTH
        for shown in line.shown:
            _draw_individual(axes, shown, left, top)
            left += shown.width
    text = f"{MARKS}\n{note}".rstrip()
    axes.text(0.12, height - NOTE_HEIGHT / 2, text, va="center", fontsize=8, color=FAINT)
    axes.set(xlim=(0, A4_WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    return figure


def _draw_individual(axes: Axes, shown: _Shown, start: float, top: float) -> None:
    """Draws crops side by side under their title."""
    bottom = top + 0.2 + CROP
    axes.text(start, top + 0.15, shown.title, fontsize=8, color=INK, va="bottom", clip_on=True)
    for number, (crop, quality) in enumerate(shown.crops):
        left = start + number * (CROP + GAP)
        axes.imshow(crop, extent=(left, left + CROP, bottom, bottom - CROP), aspect="auto")
        if quality is not None:
            for width, colour in ((1.0, PALE), (quality, FAINT)):
                axes.add_patch(
                    Rectangle((left, bottom + 0.02), width * CROP, 0.045, color=colour, linewidth=0)
                )
    if shown.colour is not None:
        size = (shown.width - 3 * GAP, CROP)
        style: Style = {"fill": False, "edgecolor": shown.colour, "linewidth": 2}
        axes.add_patch(Rectangle((start, bottom - CROP), *size, **style))
