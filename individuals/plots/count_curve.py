"""Count curve: how many individuals each threshold would give, and the one that was chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from individuals.grouping.count_interval import CountInterval
from individuals.plots.page_style import A4_WIDTH, COLOURS, FAINT, INK, empty_page

if TYPE_CHECKING:  # not at run time: it would load TensorFlow
    from individuals.count_curve import CountCurve

CURVE, CHOSEN = COLOURS[0], COLOURS[1]
LOG_FROM = 10  # times the least count


def plot_curve_of_count(
    curve: CountCurve, interval: CountInterval | None, *, true_count: int | None = None
) -> Figure:
    """The curve of a count, with its chosen point and its interval; see `plot_count_curve`.

    Args:
        curve: from `count_curve`.
        interval: of the count; None where it has none.
        true_count: int, where it is known.
    """
    return plot_count_curve(
        curve.thresholds,
        curve.counts,
        chosen_threshold=curve.chosen_threshold,
        chosen_count=curve.chosen_count,
        interval=(interval.low, interval.high) if interval else None,
        certain_minimum=interval.minimum if interval else None,
        true_count=true_count,
    )


def plot_count_curve(
    thresholds: npt.ArrayLike,
    counts: npt.ArrayLike,
    *,
    chosen_threshold: float,
    chosen_count: int,
    interval: tuple[float, float] | None = None,
    certain_minimum: int | None = None,
    true_count: int | None = None,
) -> Figure:
    """The number of individuals over the threshold, with the chosen point.

    A flat stretch around the point says that the count does not depend on the exact threshold; a steep one
    says that it does.

    Args:
        thresholds: float [num], in any order.
        counts: int [num], individuals at each threshold.
        chosen_threshold: float, of the point.
        chosen_count: int, of the point.
        interval: (low, high) of the count, such as a 95 % interval.
        certain_minimum: int, individuals that there are at least.
        true_count: int, where it is known.
    Raises:
        ValueError: thresholds and counts are not of one length.
    """
    x, y = np.asarray(thresholds, np.float64).ravel(), np.asarray(counts, np.float64).ravel()
    if x.shape != y.shape:
        raise ValueError(
            f"Expected one count for each threshold, received {len(x)} thresholds and {len(y)} counts."
        )
    if not len(x):
        return empty_page("There is nothing to count at any threshold.")
    order = np.argsort(x, kind="stable")
    figure = Figure(figsize=(A4_WIDTH, 3.6), layout="constrained")
    axes = figure.subplots()
    marker = "." if len(x) < 40 else ""
    axes.plot(x[order], y[order], color=CURVE, linewidth=1.8, marker=marker, label="count")
    said = f"{chosen_count} individuals at {chosen_threshold:.3g}"
    if interval is not None:
        axes.vlines(chosen_threshold, *interval, color=CHOSEN, linewidth=5, alpha=0.35)
        said += f"\ninterval {interval[0]:g} to {interval[1]:g}"
    axes.axvline(chosen_threshold, color=CHOSEN, linewidth=0.9, linestyle="--")
    axes.plot(chosen_threshold, chosen_count, "D", color=CHOSEN, markersize=7, zorder=3)
    is_left = chosen_threshold <= (x.min() + x.max()) / 2
    axes.annotate(
        said,
        (chosen_threshold, chosen_count),
        xytext=(10 if is_left else -10, 10),
        textcoords="offset points",
        ha="left" if is_left else "right",
        fontsize=9,
        color=INK,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
    )
    known = {"certain minimum": (certain_minimum, ":"), "true count": (true_count, "-.")}
    for words, (value, style) in known.items():
        if value is not None:
            label = f"{words}: {value}"
            axes.axhline(value, color=FAINT, linestyle=style, linewidth=1.2, label=label)
    shown = [*y, chosen_count, *(interval or ()), *(v for v in (certain_minimum, true_count) if v)]
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
