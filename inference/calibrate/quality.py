"""How good probabilities are: calibration error, Brier score, log loss, points of a reliability diagram."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.calibrate.pair_calibration import CalibrationError

NUM_BINS = 15


@dataclass(frozen=True)
class Reliability:
    """The points of a reliability diagram: pairs sorted by probability into bins of even weight.

    Args:
        probability: float64 [num_bins], mean probability of each bin, ascending.
        share: float64 [num_bins], weighed share of pairs of one individual.
        weight: float64 [num_bins], of each bin, summing to 1.
    """

    probability: np.ndarray
    share: np.ndarray
    weight: np.ndarray


def reliability(
    probability: npt.ArrayLike,
    is_same: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    num_bins: int = NUM_BINS,
) -> Reliability:
    """What share of pairs are of one individual, where the probability says so much.

    Args:
        probability: float [num] in [0, 1].
        is_same: bool [num], what is true.
        weight: float [num] >= 0; None for even weights.
        num_bins: int >= 1, of about even weight; equal probabilities share a bin.

    Raises:
        ValueError: no pairs, or lengths that do not fit.
    """
    given, true, mass = _checked(probability, is_same, weight)
    _, value_of = np.unique(given, return_inverse=True)
    of_value = np.bincount(value_of, mass)
    middle = np.cumsum(of_value) - of_value / 2  # equal probabilities stay together
    bins = np.unique(np.minimum((middle * num_bins).astype(int), num_bins - 1), return_inverse=True)
    bin_of = bins[1][value_of]
    total = np.bincount(bin_of, mass)
    return Reliability(
        np.bincount(bin_of, mass * given) / total, np.bincount(bin_of, mass * true) / total, total
    )


def calibration_error(
    probability: npt.ArrayLike,
    is_same: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    num_individuals: int = 0,
) -> CalibrationError:
    """Expected calibration error, Brier score and log loss of probabilities.

    Args:
        probability: float [num] in [0, 1].
        is_same: bool [num], what is true.
        weight: float [num] >= 0; None for even weights.
        num_individuals: int, of whom the pairs are, for the record.

    Raises:
        ValueError: no pairs, or lengths that do not fit.

    Reference:
        Guo et al., On calibration of modern neural networks, 2017, https://arxiv.org/abs/1706.04599 (bins of
        even weight here, of even width there).
    """
    given, true, mass = _checked(probability, is_same, weight)
    points = reliability(given, true, mass)
    safe = np.clip(given, 1e-12, 1 - 1e-12)
    return CalibrationError(
        float(points.weight @ np.abs(points.probability - points.share)),
        float(mass @ (given - true) ** 2),
        float(-(mass @ np.where(true, np.log(safe), np.log1p(-safe)))),
        num_individuals,
        tuple(map(tuple, np.stack([points.probability, points.share, points.weight], 1).tolist())),
    )


def _checked(
    probability: npt.ArrayLike, is_same: npt.ArrayLike, weight: npt.ArrayLike | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    given, true = np.asarray(probability, np.float64), np.asarray(is_same, bool)
    mass = np.ones(len(given)) if weight is None else np.asarray(weight, np.float64)
    if not (given.ndim == 1 and given.shape == true.shape == mass.shape and mass.sum() > 0):
        raise ValueError(
            "probability, is_same and weight must be one-dimensional, of one length and not empty; received "
            f"the shapes {list(given.shape)}, {list(true.shape)} and {list(mass.shape)}."
        )
    return given, true, mass / mass.sum()
