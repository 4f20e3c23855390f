"""The isotonic curve: a probability that rises with similarity, of whatever shape."""

from __future__ import annotations

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import expit

from inference.calibrate.pair_sample import PairSample

NUM_KNOTS = 32
PRIOR_INDIVIDUALS = 4
TINY = 1e-300  # shares that underflow


def fit_isotonic(
    pairs: PairSample, slope: float, intercept: float, num_individuals: int
) -> tuple[tuple[float, float], ...]:
    """The knots of the curve: (similarity, log-odds at even prior), both ascending.

    Pairs are put into bins of even weight, which are pooled until their shares of positives rise (pool
    adjacent violators). Each bin then leans on the logistic curve by as much as four individuals would say:
    a share of 0 or 1 becomes no certainty, and where the kinds do not overlap the curve is the logistic one.

    Args:
        pairs: of both kinds, each weighing 1/2.
        slope: of the logistic curve.
        intercept: likewise.
        num_individuals: int >= 1, with positive pairs.
    """
    order = np.argsort(pairs.similarity, kind="stable")
    similarity, is_same, weight = (
        values[order] for values in (pairs.similarity, pairs.is_same, pairs.weight)
    )
    bins = np.minimum((np.cumsum(weight) * NUM_KNOTS).astype(int), NUM_KNOTS - 1)
    bins = np.unique(bins, return_inverse=True)[1]
    total, positive = np.bincount(bins, weight), np.bincount(bins, weight * is_same)
    negative = np.bincount(bins, weight * ~is_same)
    at = np.bincount(bins, weight * similarity) / total
    ends = isotonic_regression(positive / total, weights=total).blocks
    block = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
    line = slope * at + intercept
    lean = PRIOR_INDIVIDUALS / num_individuals
    above = 2 * np.bincount(block, positive)[block] + lean * expit(line)
    below = 2 * np.bincount(block, negative)[block] + lean * expit(-line)
    # next to a large block's, a small block's log-odds may have leaned out of order
    log_odds = np.log(np.maximum(above, TINY)) - np.log(np.maximum(below, TINY))
    rising = isotonic_regression(log_odds, weights=total).x
    return tuple(zip(at.tolist(), rising.tolist(), strict=True))
