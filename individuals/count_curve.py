"""How a count hangs on the threshold: the number of individuals at every one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from individuals.count import VideoCount
from individuals.footage import group_sightings

NUM_THRESHOLDS = 41
REACH = 0.4  # of similarity, to either side of the chosen threshold


@dataclass(frozen=True, eq=False)
class CountCurve:
    """The number of individuals at each of some thresholds.

    Attributes:
        thresholds: float64 [num], ascending.
        counts: int64 [num].
        chosen_threshold: float, the one that was counted by.
        chosen_count: int.
    """

    thresholds: np.ndarray
    counts: np.ndarray
    chosen_threshold: float
    chosen_count: int


def count_curve(
    counted: VideoCount,
    *,
    must_link: Iterable[tuple[int, int]] = (),
    cannot_link: Iterable[tuple[int, int]] = (),
) -> CountCurve | None:
    """Count the sightings of a count again at thresholds around the chosen one.

    A flat stretch around the chosen threshold says that the count does not hang on it.

    Args:
        counted: from `count_individuals`.
        must_link: as it was counted.
        cannot_link: likewise.

    Returns:
        CountCurve; None where no single threshold was chosen (several modalities), or nothing was seen.
    """
    chosen = counted.count.threshold
    if np.isnan(chosen) or not counted.per_video:
        return None
    thresholds = np.linspace(max(-1.0, chosen - REACH), min(1.0, chosen + REACH), NUM_THRESHOLDS)
    tied, apart = list(must_link), list(cannot_link)
    counts = [
        group_sightings(
            counted.table, threshold=float(threshold), must_link=tied, cannot_link=apart
        ).num_individuals
        for threshold in thresholds
    ]
    return CountCurve(thresholds, np.array(counts), chosen, counted.num_individuals)
