"""Timeline: who is seen and heard when, over all videos."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from individuals.outputs.media_details import short_media_names
from individuals.plots.page_style import A4_WIDTH, COLOURS, FAINT, INK, Style, empty_page
from individuals.sighting import Sighting
from inference.plot_labels import individual_label, plot_labels

SEEN: Style = {"color": COLOURS[0], "linewidth": 0}
HEARD: Style = {"facecolor": "white", "edgecolor": "#8f6100", "hatch": "//////", "linewidth": 0.7}
LINK = "#555555"
GAP = 0.015  # between videos, of the page's width
AT_MOST_INDIVIDUALS, AT_MOST_MEDIA = 40, 10
LEAST_SHARE = 0.004  # of the page's width: what is shorter is drawn as long as that


def plot_timeline(
    sightings: Iterable[Sighting],
    *,
    durations_seconds: Mapping[str, float] | None = None,
) -> Figure:
    """A row for each individual, the videos side by side: full bars where it is seen, hatched where heard.

    Dotted lines link the sightings of an individual in different videos. What does not fit is told below, and
    is on `plot_timeline_pages`.

    Args:
        sightings: of any media.
        durations_seconds: of the media, in the order in which they are drawn; also of media in which nobody
            was met. Default: media in the order of the sightings, each as long as its last sighting.
    """
    plan = _plan(sightings, durations_seconds)
    if not plan.duration_of:
        return empty_page("Nobody was seen or heard.")
    left_out = {
        "individuals": len(plan.label_of) - AT_MOST_INDIVIDUALS,
        "videos": len(plan.duration_of) - AT_MOST_MEDIA,
    }
    rest = " and ".join(f"{num} more {what}" for what, num in left_out.items() if num > 0)
    people, media = (
        list(plan.label_of)[:AT_MOST_INDIVIDUALS],
        list(plan.duration_of)[:AT_MOST_MEDIA],
    )
    return _draw(plan, people, media, f"not shown: {rest}" if rest else "")


def plot_timeline_pages(
    sightings: Iterable[Sighting],
    *,
    durations_seconds: Mapping[str, float] | None = None,
) -> list[Figure]:
    """All of `plot_timeline`, on as many pages as it takes; each has those who are met in its videos."""
    plan = _plan(sightings, durations_seconds)
    parts = []
    for media in _split(list(plan.duration_of), AT_MOST_MEDIA):
        here = {s.individual for s in plan.sightings if s.media in media}
        people = [individual for individual in plan.label_of if individual in here]
        parts += [(part, media) for part in _split(people, AT_MOST_INDIVIDUALS) or [[]]]
    pages = [
        _draw(plan, people, media, f"page {number} of {len(parts)}")
        for number, (people, media) in enumerate(parts, start=1)
    ]
    return pages or [plot_timeline([])]


def _split(items: list[str], size: int) -> list[list[str]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


@dataclass(frozen=True)
class _Plan:
    """What there is to draw, in order."""

    sightings: list[Sighting]
    label_of: dict[str, str]  # of individuals
    duration_of: dict[str, float]  # of media
    media_label_of: dict[str, str]


def _plan(sightings: Iterable[Sighting], durations: Mapping[str, float] | None) -> _Plan:
    every = list(sightings)
    duration_of = {media: float(seconds) for media, seconds in (durations or {}).items()}
    for sighting in every:
        known = duration_of.get(sighting.media, 0.0)
        duration_of[sighting.media] = max(known, sighting.end_seconds)
    order = {media: number for number, media in enumerate(duration_of)}
    every.sort(key=lambda s: (order[s.media], s.start_seconds, s.end_seconds))
    names = {s.individual: s.name for s in every if s.name}
    media_labels = plot_labels(list(short_media_names(duration_of).values()), 18, "video")
    return _Plan(
        every,
        {s.individual: individual_label(s.individual, names.get(s.individual), 20) for s in every},
        {media: seconds or 1.0 for media, seconds in duration_of.items()},
        dict(zip(duration_of, media_labels, strict=True)),
    )


@dataclass(frozen=True)
class _Strip:
    """Where a video lies on the page: x = left + share of its time * width, the page being 1 wide."""

    left: float
    width: float
    duration_seconds: float

    def x(self, seconds: float) -> float:
        return self.left + min(seconds / self.duration_seconds, 1.0) * self.width


def _strips(media: Sequence[str], duration_of: Mapping[str, float]) -> dict[str, _Strip]:
    """As wide as they are long, but none so short or so long that others cannot be seen."""
    usual = median(duration_of[name] for name in media)
    widths = [min(max(duration_of[name], 0.5 * usual), 3 * usual) for name in media]
    scale = (1 - GAP * (len(media) - 1)) / sum(widths)
    strips, left = {}, 0.0
    for name, width in zip(media, widths, strict=True):
        strips[name] = _Strip(left, width * scale, duration_of[name])
        left += width * scale + GAP
    return strips


def _draw(plan: _Plan, individuals: Sequence[str], media: Sequence[str], note: str) -> Figure:
    num_rows = max(len(individuals), 1)
    figure = Figure(figsize=(A4_WIDTH, 1.55 + 0.24 * num_rows), layout="constrained")
    axes = figure.subplots()
    strips = _strips(media, plan.duration_of)
    row_of = {individual: row for row, individual in enumerate(individuals)}
    _draw_strips(axes, strips, plan.media_label_of, num_rows)
    drawn_to: dict[str, tuple[str, float]] = {}  # individual -> the last video and place
    for sighting in plan.sightings:
        if sighting.media not in strips or sighting.individual not in row_of:
            continue
        strip, row = strips[sighting.media], row_of[sighting.individual]
        start = strip.x(sighting.start_seconds)
        before, end = drawn_to.get(sighting.individual, (sighting.media, start))
        if before != sighting.media:
            axes.plot([end, start], [row, row], ":", color=LINK, linewidth=1.2, zorder=1)
            end = start
        width = max(strip.x(sighting.end_seconds) - start, LEAST_SHARE)
        if sighting.is_seen:
            axes.add_patch(Rectangle((start, row - 0.3), width, 0.3, zorder=2, **SEEN))
        if sighting.is_heard:
            axes.add_patch(Rectangle((start, row + 0.03), width, 0.27, zorder=2, **HEARD))
        drawn_to[sighting.individual] = (sighting.media, max(start + width, end))
    axes.set_yticks(
        range(len(individuals)), [plan.label_of[who] for who in individuals], fontsize=8
    )
    axes.set(xlim=(-0.01, 1.01), ylim=(num_rows - 0.4, -0.6))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xlabel(f"time within each video   {note}".rstrip(), fontsize=8)
    if not individuals:
        axes.text(0.5, 0, "nobody was seen or heard", ha="center", va="center", color=FAINT)
    legend = [
        Patch(label="seen", **SEEN),
        Patch(label="heard", **HEARD),
        Line2D([], [], color=LINK, linestyle=":", label="the same individual in another video"),
    ]
    figure.legend(handles=legend, loc="outside upper left", ncols=3, fontsize=8, frameon=False)
    return figure


def _draw_strips(
    axes: Axes, strips: Mapping[str, _Strip], label_of: Mapping[str, str], num_rows: int
) -> None:
    """The videos as pale fields with their names above and their times below."""
    turned: Style = {"rotation": 0 if len(strips) <= 4 else 25, "rotation_mode": "anchor"}
    ticks = []
    for media, strip in strips.items():
        height = num_rows + 0.2
        axes.add_patch(
            Rectangle((strip.left, -0.6), strip.width, height, color="#f1f1f1", zorder=0)
        )
        axes.text(strip.left, -0.75, label_of[media], fontsize=8, color=INK, va="bottom", **turned)
        ticks.append((strip.left, "0"))
        if strip.width > 0.05:
            ticks.append((strip.left + strip.width, _clock(strip.duration_seconds)))
    axes.set_xticks([x for x, _ in ticks], [text for _, text in ticks], fontsize=7)
    for text, (_, said) in zip(axes.get_xticklabels(), ticks, strict=True):
        text.set_horizontalalignment("left" if said == "0" else "right")


def _clock(seconds: float) -> str:
    """A duration as people read it: 8.5 s, 12:30, 3:05:00."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
