"""The isotonic curve: a probability that rises with similarity, of whatever shape."""

from __future__ import annotations

import numpy as np
from scipy.optimize import isotonic_regression

from inference.calibrate.pair_sample import PairSample

MAX_KNOTS = 64


def fit_isotonic(
    pairs: PairSample, num_positive: float, num_negative: float
) -> tuple[tuple[float, float], ...]:
    """The knots of the curve: (similarity, probability), both ascending, the probability never 0 or 1.

    Pairs are put into bins of even weight, pooled until their shares of positives rise, and joined by
    straight lines of log-odds. Each share is drawn a little towards 1/2, as by one positive pair and one
    negative one more than were seen.

    Args:
        pairs: of both kinds, each weighing 1/2.
        num_positive: float, how many positive pairs the sample is worth.
        num_negative: float, negative ones.
    """
    order = np.argsort(pairs.similarity, kind="stable")
    similarity, is_same, weight = (
        values[order] for values in (pairs.similarity, pairs.is_same, pairs.weight)
    )
    bins = np.minimum((np.cumsum(weight) * MAX_KNOTS).astype(int), MAX_KNOTS - 1)
    bins = np.unique(bins, return_inverse=True)[1]
    mass = np.bincount(bins, weight)
    share = np.bincount(bins, weight * is_same) / mass
    pooled = isotonic_regression(share, weights=mass)
    block = np.repeat(np.arange(len(pooled.blocks) - 1), np.diff(pooled.blocks))[bins]
    at = np.bincount(block, weight * similarity) / np.bincount(block, weight)
    above = np.bincount(block, 2 * weight * is_same) + 1 / (num_positive + 2)
    below = np.bincount(block, 2 * weight * ~is_same) + 1 / (num_negative + 2)
    # drawn to 1/2, a small block may fall below its neighbour
    shown = isotonic_regression(above / (above + below), weights=above + below).x
    return tuple(zip(at.tolist(), shown.tolist(), strict=True))
