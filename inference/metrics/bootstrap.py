"""How sure a mean is when its values come in groups that resemble each other, such as frames of one video."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt


def bootstrap_interval(
    values: npt.ArrayLike,
    groups: Sequence[Hashable] | np.ndarray | None = None,
    *,
    confidence: float = 0.95,
    num_resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """The percentile bootstrap interval of the mean, resampling whole groups.

    Queries from one recording rise and fall together; resampling them one by one would promise too much. With
    few groups (below about 20) even this interval is too narrow.

    Args:
        values: float [num], such as a metric per query; NaN (queries that cannot be answered) is left out.
        groups: str or int [num], the source of each value. None: every value on its own.
        confidence: float in (0, 1). Default 0.95.
        num_resamples: int >= 1. Default 2000.
        seed: int; the same seed gives the same interval.
    Returns:
        (low, high), float, low <= high.
    Raises:
        ValueError: fewer than two groups with a value; lengths that do not fit; confidence outside (0, 1).
    """
    checked = np.asarray(values, np.float64)
    sources = np.arange(len(checked)) if groups is None else np.asarray(groups)
    if checked.ndim != 1 or checked.shape != sources.shape:
        raise ValueError(
            f"values and groups must be of one length, received the shapes {list(checked.shape)} and "
            f"{list(sources.shape)}."
        )
    if not 0 < confidence < 1 or num_resamples < 1:
        raise ValueError(
            f"confidence must be in (0, 1) and num_resamples at least 1, received {confidence} and "
            f"{num_resamples}."
        )
    is_known = ~np.isnan(checked)
    names, group = np.unique(sources[is_known], return_inverse=True)
    if len(names) < 2:
        raise ValueError(
            f"An interval needs values from at least 2 groups, received {len(names)}. Measure on more "
            "sources."
        )
    sums, sizes = np.bincount(group, weights=checked[is_known]), np.bincount(group)
    generator = np.random.default_rng(seed)
    means = np.empty(num_resamples)
    for resample in range(num_resamples):
        drawn = generator.integers(0, len(names), len(names))
        means[resample] = sums[drawn].sum() / sizes[drawn].sum()
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)
