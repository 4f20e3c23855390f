"""How good probabilities are: calibration error, Brier score, log loss, and a reliability diagram."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

NUM_BINS = 15


@dataclass(frozen=True)
class CalibrationError:
    """How far calibrated probabilities are off, on pairs of individuals that were not fitted on.

    Both kinds of pairs count half, as at even prior, and each individual counts evenly. All are smaller
    where better; guessing 0.5 gives a Brier score of 0.25 and a log loss of 0.69.

    Args:
        expected_calibration_error: float in [0, 1], mean distance of probability and share of right ones.
        brier_score: float in [0, 1], mean squared error of the probability.
        log_loss: float >= 0, mean negative logarithm of the probability of what is true.
        num_individuals: int, how many individuals were held out in turn.
        reliability: (mean probability, share of pairs of one individual, weight) of each bin, ascending:
            the points of a reliability diagram.
    """

    expected_calibration_error: float
    brier_score: float
    log_loss: float
    num_individuals: int
    reliability: tuple[tuple[float, float, float], ...] = ()

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> CalibrationError:
        """From the JSON of a calibration."""
        return cls(**{**record, "reliability": tuple(map(tuple, record["reliability"]))})


def calibration_error(
    probability: npt.ArrayLike,
    is_same: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    num_individuals: int = 0,
) -> CalibrationError:
    """Expected calibration error, Brier score and log loss of probabilities [num], of even weight by default.

    Raises:
        ValueError: no pairs, or lengths that do not fit.

    Reference:
        Guo et al., On calibration of modern neural networks, 2017, https://arxiv.org/abs/1706.04599 (bins of
        even weight here, of even width there).
    """
    given, true = np.asarray(probability, np.float64), np.asarray(is_same, bool)
    mass = np.ones(len(given)) if weight is None else np.asarray(weight, np.float64)
    if not (given.ndim == 1 and given.shape == true.shape == mass.shape and mass.sum() > 0):
        raise ValueError(
            "probability, is_same and weight must be one-dimensional, of one length and not empty; received "
            f"the shapes {list(given.shape)}, {list(true.shape)} and {list(mass.shape)}."
        )
    mass = mass / mass.sum()
    shown, share, in_bin = points = _reliability(given, true, mass)
    safe = np.clip(given, 1e-12, 1 - 1e-12)
    return CalibrationError(
        float(in_bin @ np.abs(shown - share)),
        float(mass @ (given - true) ** 2),
        float(-(mass @ np.where(true, np.log(safe), np.log1p(-safe)))),
        num_individuals,
        tuple(map(tuple, points.T.tolist())),
    )


def _reliability(probability: np.ndarray, is_same: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Probability, share and weight of each bin, [3, num_bins]; equal probabilities share a bin."""
    _, value_of = np.unique(probability, return_inverse=True)
    of_value = np.bincount(value_of, weight)
    middle = np.cumsum(of_value) - of_value / 2
    bins = np.unique(np.minimum((middle * NUM_BINS).astype(int), NUM_BINS - 1), return_inverse=True)
    bin_of = bins[1][value_of]
    total = np.bincount(bin_of, weight)
    means = [np.bincount(bin_of, weight * values) / total for values in (probability, is_same)]
    return np.stack([*means, total])
