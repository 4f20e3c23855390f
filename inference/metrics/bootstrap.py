"""How sure a mean is when its values come in groups that resemble each other, such as frames of one video."""

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

Groups = Sequence[Hashable] | np.ndarray

WEIGHTS_AT_ONCE = 2**22


def bootstrap_interval(
    values: npt.ArrayLike,
    groups: Groups | None = None,
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
    sources = np.arange(len(np.asarray(values))) if groups is None else groups
    known, (group,) = _known(values, [sources])
    _check(confidence, num_resamples)
    sums, sizes = np.bincount(group, weights=known), np.bincount(group)
    generator = np.random.default_rng(seed)
    means = np.empty(num_resamples)
    for resample in range(num_resamples):
        drawn = generator.integers(0, len(sums), len(sums))
        means[resample] = sums[drawn].sum() / sizes[drawn].sum()
    return _percentiles(means, confidence)


def two_way_bootstrap_interval(
    values: npt.ArrayLike,
    groups: Groups,
    other_groups: Groups,
    *,
    confidence: float = 0.95,
    num_resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """The pigeonhole bootstrap interval of the mean of values that each belong to two groups at once.

    A pair rises and falls with the other pairs of its photo, and with those of its recording. Photos are
    drawn with replacement, and recordings are, independently; a pair counts as often as its photo was drawn
    times as often as its recording was. Draws of no value at all are drawn again. Arguments, result and
    errors as in `bootstrap_interval`.

    Reference:
        Owen, The pigeonhole bootstrap, 2007, https://arxiv.org/abs/0712.1111 (theorems 2 and 4: the naive
        bootstrap is far too narrow, this one mildly too wide).
    """
    known, (group, other) = _known(values, [groups, other_groups])
    _check(confidence, num_resamples)
    generator = np.random.default_rng(seed)
    means = np.empty(0)
    while len(means) < num_resamples:
        at_once = min(num_resamples, max(1, WEIGHTS_AT_ONCE // len(known)))
        weights = _times_drawn(group, at_once, generator) * _times_drawn(other, at_once, generator)
        totals = weights.sum(axis=1)
        means = np.append(means, (weights @ known)[totals > 0] / totals[totals > 0])
    return _percentiles(means[:num_resamples], confidence)


def _times_drawn(
    group: np.ndarray, num_resamples: int, generator: np.random.Generator
) -> np.ndarray:
    """How often each value's group is drawn, float64 [num_resamples, num]."""
    num_groups = int(group.max()) + 1
    drawn = generator.multinomial(num_groups, np.full(num_groups, 1 / num_groups), num_resamples)
    return drawn[:, group].astype(np.float64)


def _known(values: npt.ArrayLike, groups: Sequence[Groups]) -> tuple[np.ndarray, list[np.ndarray]]:
    """The values that are not NaN, and their groups, numbered from 0."""
    checked = np.asarray(values, np.float64)
    sources = [np.asarray(group) for group in groups]
    if checked.ndim != 1 or any(source.shape != checked.shape for source in sources):
        shapes = " and ".join(str(list(array.shape)) for array in (checked, *sources))
        raise ValueError(f"values and groups must be of one length, received the shapes {shapes}.")
    is_known = ~np.isnan(checked)
    numbered = [np.unique(source[is_known], return_inverse=True)[1] for source in sources]
    for group in numbered:
        num_groups = len(np.unique(group))
        if num_groups < 2:
            raise ValueError(
                f"An interval needs values from at least 2 groups, received {num_groups}. Measure on more "
                "sources."
            )
    return checked[is_known], numbered


def _check(confidence: float, num_resamples: int) -> None:
    if not 0 < confidence < 1 or num_resamples < 1:
        raise ValueError(
            f"confidence must be in (0, 1) and num_resamples at least 1, received {confidence} and "
            f"{num_resamples}."
        )


def _percentiles(means: np.ndarray, confidence: float) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)
