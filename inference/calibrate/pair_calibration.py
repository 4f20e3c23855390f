"""What the similarity of one kind of pair means: its curves, how they are fitted, how good they are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from inference.calibrate.certified import UnknownScores

NUM_KNOTS, NUM_BINS = 32, 15
PRIOR_INDIVIDUALS = 4
TINY = 1e-300  # shares that underflow


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


@dataclass(frozen=True)
class PairCalibration:
    """The calibration of one pair pattern, such as image-image.

    Args:
        slope: float >= 0. The log-odds that two embeddings show one individual, both being equally likely
            beforehand, are slope * similarity + intercept. Grouping adds these up.
        intercept: float.
        knots: (similarity, log-odds at even prior), both ascending: the isotonic curve by which
            probabilities are shown, level beyond its ends; empty where the data were too few for one, and
            probabilities are of the logistic curve.
        num_individuals: int, whose pairs were fitted.
        num_positive_pairs: int, pairs of two sources of one individual.
        error: of the probabilities, on held-out individuals; None where there were too few to hold out.
        unknowns: how similar unknown animals were to a gallery; None where there were too few.
    """

    slope: float
    intercept: float
    knots: tuple[tuple[float, float], ...] = ()
    num_individuals: int = 0
    num_positive_pairs: int = 0
    error: CalibrationError | None = None
    unknowns: UnknownScores | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.slope) and math.isfinite(self.intercept) and self.slope >= 0):
            raise ValueError(
                "Expected a finite slope >= 0 and a finite intercept, received "
                f"slope={self.slope} and intercept={self.intercept}."
            )

    @property
    def method(self) -> Literal["logistic", "isotonic"]:
        """The curve of the probabilities."""
        return "isotonic" if self.knots else "logistic"

    def log_odds(self, similarity: npt.ArrayLike) -> np.ndarray:
        """Log-odds at even prior, float64 of the similarity's shape []."""
        return self.slope * np.asarray(similarity, np.float64) + self.intercept

    def probability(self, similarity: npt.ArrayLike, prior: float = 0.5) -> np.ndarray:
        """Probability of one individual, float64 in (0, 1) []; see `Calibration.probability`."""
        if not 0 < prior < 1:
            raise ValueError(f"Expected a prior in (0, 1), received {prior}.")
        if self.knots:
            at, values = np.array(self.knots).T
            log_odds = np.interp(np.asarray(similarity, np.float64), at, values)
        else:
            log_odds = self.log_odds(similarity)
        return expit(log_odds + math.log(prior / (1 - prior)))

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> PairCalibration:
        """From the JSON of a calibration, whose lists are tuples."""
        error, unknowns = record["error"], record["unknowns"]
        parts = {
            "error": error and CalibrationError(**error),
            "unknowns": unknowns and UnknownScores(**unknowns),
        }
        return cls(**{**record, **parts})


def fit_logistic(
    similarity: np.ndarray, target: np.ndarray, weight: np.ndarray
) -> tuple[float, float]:
    """Slope >= 0 and intercept of the most likely logistic curve.

    Targets are in (0, 1): where none is 0 or 1, the curve is finite even if classes can be told apart
    perfectly. Level where a larger similarity makes a match no more likely.
    """
    from sklearn.linear_model import LogisticRegression

    weight = weight / weight.sum()
    centre, mean = float(weight @ similarity), float(weight @ target)
    scale = float(np.sqrt(weight @ (similarity - centre) ** 2))
    if scale < 1e-9 or weight @ ((similarity - centre) * (target - mean)) <= 0:
        return 0.0, math.log(mean / (1 - mean))
    standard = np.tile((similarity - centre) / scale, 2)[:, np.newaxis]
    curve = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-9)
    # A target of 0.9 is nine tenths of a pair of one individual and one tenth of a pair of two.
    shares = np.concatenate([weight * target, weight * (1 - target)])
    curve.fit(standard, np.repeat([True, False], len(target)), len(target) * shares)
    slope = float(curve.coef_[0, 0]) / scale
    return slope, float(curve.intercept_[0]) - slope * centre


def fit_isotonic(
    similarity: np.ndarray,
    is_same: np.ndarray,
    weight: np.ndarray,
    line: tuple[float, float],
    num_individuals: int,
) -> tuple[tuple[float, float], ...]:
    """The knots of the isotonic curve: (similarity, log-odds at even prior), both ascending.

    Pairs are put into bins of even weight, which are pooled until their shares of positives rise (pool
    adjacent violators). Each bin then leans on the logistic curve by as much as four individuals would say:
    a share of 0 or 1 becomes no certainty, and where the kinds do not overlap the curve is the logistic one.
    """
    from scipy.optimize import isotonic_regression

    order = np.argsort(similarity, kind="stable")
    similarity, is_same, weight = (values[order] for values in (similarity, is_same, weight))
    bins = np.minimum((np.cumsum(weight) * NUM_KNOTS).astype(int), NUM_KNOTS - 1)
    bins = np.unique(bins, return_inverse=True)[1]
    total, positive = np.bincount(bins, weight), np.bincount(bins, weight * is_same)
    negative = np.bincount(bins, weight * ~is_same)
    at = np.bincount(bins, weight * similarity) / total
    ends = isotonic_regression(positive / total, weights=total).blocks
    block = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
    logistic = line[0] * at + line[1]
    lean = PRIOR_INDIVIDUALS / num_individuals
    above = 2 * np.bincount(block, positive)[block] + lean * expit(logistic)
    below = 2 * np.bincount(block, negative)[block] + lean * expit(-logistic)
    # next to a large block's, a small block's log-odds may have leaned out of order
    log_odds = np.log(np.maximum(above, TINY)) - np.log(np.maximum(below, TINY))
    rising = isotonic_regression(log_odds, weights=total).x
    return tuple(zip(at.tolist(), rising.tolist(), strict=True))


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
