"""Count curve: how many individuals each threshold would give, and the one that was chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from individuals.grouping.count_interval import CountInterval
from individuals.plots.page_style import A4_WIDTH, COLOURS, FAINT, INK

if TYPE_CHECKING:  # not at run time: it would load TensorFlow
    from individuals.count import CountCurve

CURVE, CHOSEN = COLOURS[0], COLOURS[1]
LOG_FROM = 10  # times the least count


def plot_count_curve(
    curve: CountCurve, interval: CountInterval | None = None, *, true_count: int | None = None
) -> Figure:
    """The number of individuals over the threshold, with the chosen point.

    Args:
        curve: from `count_curve`.
        interval: of the count; None where it has none.
        true_count: where it is known.
    """
    x, y = curve.thresholds, curve.counts
    chosen = curve.chosen_threshold, curve.chosen_count
    figure = Figure(figsize=(A4_WIDTH, 3.6), layout="constrained")
    axes = figure.subplots()
    marker = "." if len(x) < 40 else ""
    axes.plot(x, y, color=CURVE, linewidth=1.8, marker=marker, label="count")
    said = f"{chosen[1]} individuals at {chosen[0]:.3g}"
    known: list[tuple[str, int, str]] = []
    if interval is not None:
        axes.vlines(chosen[0], interval.low, interval.high, color=CHOSEN, linewidth=5, alpha=0.35)
        word = "bounds" if interval.confidence is None else "interval"
        said += f"\n{word} {interval}"
        known.append(("minimum, if the boxes are right", interval.minimum, ":"))
    if true_count is not None:
        known.append(("true count", true_count, "-."))
    axes.axvline(chosen[0], color=CHOSEN, linewidth=0.9, linestyle="--")
    axes.plot(*chosen, "D", color=CHOSEN, markersize=7, zorder=3)
    is_left = chosen[0] <= (x.min() + x.max()) / 2
    axes.annotate(
        said,
        chosen,
        xytext=(10 if is_left else -10, 10),
        textcoords="offset points",
        ha="left" if is_left else "right",
        fontsize=9,
        color=INK,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
    )
    for words, value, style in known:
        label = f"{words}: {value}"
        axes.axhline(value, color=FAINT, linestyle=style, linewidth=1.2, label=label)
    shown = [*y, chosen[1], *(value for _, value, _ in known if value)]
    shown += [interval.low, interval.high] if interval else []
    least, most = max(min(shown), 1), max(shown)
    if most > LOG_FROM * least:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter("{x:.0f}")
        axes.set_ylim(least * 0.8, most * 1.4)
    else:
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylim(0, most * 1.12 + 1)
    axes.set_xlabel(
        "threshold: mean similarity from which two groups of sightings are one individual",
        fontsize=9,
    )
    axes.set_ylabel("individuals", fontsize=9)
    axes.grid(axis="y", color="#e5e5e5", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", fontsize=8, frameon=False)
    return figure
