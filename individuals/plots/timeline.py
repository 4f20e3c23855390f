"""Timeline: who is seen and heard when, over all videos."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import ConnectionPatch, Patch, Rectangle

from individuals.outputs.media_details import short_media_names
from individuals.plots.page_style import A4_WIDTH, COLOURS, FAINT, INK, Style, empty_page
from individuals.sighting import Sighting
from inference.plot_labels import individual_label, plot_labels

SEEN: Style = {"color": COLOURS[0], "linewidth": 0}
HEARD: Style = {"facecolor": "white", "edgecolor": "#8f6100", "hatch": "//////", "linewidth": 0.7}
LINK = "#555555"
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


def _draw(plan: _Plan, individuals: Sequence[str], media: Sequence[str], note: str) -> Figure:
    """A field for each video, none so short or so long that others cannot be seen."""
    num_rows = max(len(individuals), 1)
    figure = Figure(figsize=(A4_WIDTH, 1.55 + 0.24 * num_rows), layout="constrained")
    if len(media) > 4:  # the last name leans out over its field
        figure.set_layout_engine("constrained", rect=(0, 0, 0.93, 1))
    usual = median(plan.duration_of[name] for name in media)
    widths = [min(max(plan.duration_of[name], 0.5 * usual), 3 * usual) for name in media]
    fields = figure.subplots(1, len(media), sharey=True, squeeze=False, width_ratios=widths)[0]
    field_of = dict(zip(media, fields.tolist(), strict=True))
    for name, axes in field_of.items():
        _draw_field(
            axes, plan.media_label_of[name], plan.duration_of[name], is_turned=len(media) > 4
        )
    labels = [plan.label_of[who] for who in individuals]
    fields[0].set_yticks(range(len(individuals)), labels, fontsize=8)
    fields[0].set_ylim(num_rows - 0.4, -0.6)
    last: dict[str, tuple[str, float]] = {}  # individual -> the video and the time it was met last
    for sighting in plan.sightings:
        who, name = sighting.individual, sighting.media
        if who not in individuals or name not in field_of:
            continue
        row, start, axes = individuals.index(who), sighting.start_seconds, field_of[name]
        before, end = last.get(who, (name, start))
        if before != name:
            places = {"coordsA": field_of[before].transData, "coordsB": axes.transData}
            link = ConnectionPatch((end, row), (start, row), **places, color=LINK, linestyle=":")
            figure.add_artist(link)
            end = start
        least = LEAST_SHARE * sum(widths) / widths[media.index(name)] * plan.duration_of[name]
        width = max(sighting.end_seconds - start, least)
        if sighting.is_seen:
            axes.add_patch(Rectangle((start, row - 0.3), width, 0.3, **SEEN))
        if sighting.is_heard:
            axes.add_patch(Rectangle((start, row + 0.03), width, 0.27, **HEARD))
        last[who] = name, max(sighting.end_seconds, end)
    if not individuals:
        figure.text(0.5, 0.5, "nobody was seen or heard", ha="center", va="center", color=FAINT)
    figure.supxlabel(f"time within each video   {note}".rstrip(), fontsize=8)
    legend = [
        Patch(label="seen", **SEEN),
        Patch(label="heard", **HEARD),
        Line2D([], [], color=LINK, linestyle=":", label="the same individual in another video"),
    ]
    figure.legend(handles=legend, loc="outside upper left", ncols=3, fontsize=8, frameon=False)
    return figure


def _draw_field(axes: Axes, label: str, duration_seconds: float, *, is_turned: bool) -> None:
    """The pale field of a video, with its name above and its times below."""
    turned: Style = {"rotation": 25 if is_turned else 0, "rotation_mode": "anchor"}
    axes.set_title(label, fontsize=8, color=INK, loc="left", ha="left", va="bottom", **turned)
    axes.set_xlim(0, duration_seconds)
    axes.set_xticks([0, duration_seconds], ["0", _clock(duration_seconds)], fontsize=7)
    first, last = axes.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")
    axes.set_facecolor("#f1f1f1")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def _clock(seconds: float) -> str:
    """A duration as people read it: 8.5 s, 12:30, 3:05:00."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
