"""Pictures of a count: who was seen in which video."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from inference.count import VideoCount

CROPS_SHOWN = 3
INK, RIGHT, WRONG = "#222222", "#2a7f4f", "#b3362b"


def plot_individuals(counted: VideoCount, truth: Mapping[str, int] | None = None) -> Figure:
    """A row for each video: its name, its count, and crops of each individual that was found.

    Args:
        counted: from `count_individuals`.
        truth: the true number of each video, by its path, where it is known.
    """
    shown = _crops_of_each(counted)
    columns = max([CROPS_SHOWN * len(people) for people in shown.values()], default=1) or 1
    rows = max(len(shown), 1)
    figure = Figure(figsize=(max(6.0, columns + 3.0), 1.3 * rows), layout="constrained")
    grid = figure.subplots(rows, columns + 1, squeeze=False, width_ratios=[2.6] + [1] * columns)
    for axes in grid.flat:
        axes.set_axis_off()
    for row, (video, people) in zip(grid, shown.items(), strict=False):
        number = counted.per_video[video]
        colour, text = INK, f"{Path(video).name}\n{number} found"
        if truth is not None and video in truth:
            colour = RIGHT if number == truth[video] else WRONG
            text += f", {truth[video]} true"
        row[0].text(0, 0.5, text, va="center", fontsize=13, color=colour)
        position = 1
        for individual, crops in people.items():
            row[position].set_title(f"#{individual}", fontsize=12, loc="left", pad=3)
            for crop in crops:
                row[position].imshow(crop)
                position += 1
    return figure


def _crops_of_each(counted: VideoCount) -> dict[str, dict[int, list[np.ndarray]]]:
    shown: dict[str, dict[int, list[np.ndarray]]] = {video: {} for video in counted.per_video}
    every: dict[tuple[str, int], list[np.ndarray]] = {}
    labels = iter(counted.count.labels)
    for sightings in counted.sightings:
        for crop in sightings.crops:
            every.setdefault((str(sightings.video), int(next(labels))), []).append(crop)
    for (video, individual), crops in sorted(every.items()):
        spread = np.linspace(0, len(crops) - 1, min(len(crops), CROPS_SHOWN)).round().astype(int)
        shown[video][individual] = [crops[i] for i in spread]
    return shown
