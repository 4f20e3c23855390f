"""What a similarity of one kind of pair means: log-odds, and probabilities that are shown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from inference.calibrate.certified import UnknownScores


@dataclass(frozen=True)
class CalibrationError:
    """How far calibrated probabilities lie from the truth, on pairs of individuals that were not fitted on.

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

    # Any: as JSON takes it
    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON takes it."""
        return vars(self) | {"reliability": [list(point) for point in self.reliability]}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> CalibrationError:
        """What `to_dict` gave."""
        return cls(**(record | {"reliability": tuple(map(tuple, record["reliability"]))}))


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
        num_negative_pairs: int, pairs of sources of two individuals.
        error: of the probabilities, on held-out individuals; None where there were too few to hold out.
        unknowns: how near strangers came to the individuals of a gallery, for thresholds; None where there
            were too few.
    """

    slope: float
    intercept: float
    knots: tuple[tuple[float, float], ...] = ()
    num_individuals: int = 0
    num_positive_pairs: int = 0
    num_negative_pairs: int = 0
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
        """What shows probabilities."""
        return "isotonic" if self.knots else "logistic"

    def log_odds(self, similarity: npt.ArrayLike) -> np.ndarray:
        """Log-odds at even prior, float64 of the similarity's shape."""
        return self.slope * np.asarray(similarity, np.float64) + self.intercept

    def probability(self, similarity: npt.ArrayLike, prior: float = 0.5) -> np.ndarray:
        """Probability of one individual, float64 in (0, 1); see `Calibration.probability`."""
        if not 0 < prior < 1:
            raise ValueError(f"Expected a prior in (0, 1), received {prior}.")
        log_odds = self._shown_log_odds(similarity)
        return expit(log_odds + math.log(prior / (1 - prior)))

    def _shown_log_odds(self, similarity: npt.ArrayLike) -> np.ndarray:
        if not self.knots:
            return self.log_odds(similarity)
        at, log_odds = np.array(self.knots).T
        return np.interp(np.asarray(similarity, np.float64), at, log_odds)

    # Any: as JSON takes it
    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON takes it."""
        return {
            "slope": self.slope,
            "intercept": self.intercept,
            "knots": [list(knot) for knot in self.knots],
            "num_individuals": self.num_individuals,
            "num_positive_pairs": self.num_positive_pairs,
            "num_negative_pairs": self.num_negative_pairs,
            "error": None if self.error is None else self.error.to_dict(),
            "unknowns": None if self.unknowns is None else self.unknowns.to_dict(),
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> PairCalibration:
        """What `to_dict` gave."""
        fields = dict(record)
        fields["knots"] = tuple((float(at), float(value)) for at, value in record["knots"])
        if record["error"] is not None:
            fields["error"] = CalibrationError.from_dict(record["error"])
        if record["unknowns"] is not None:
            fields["unknowns"] = UnknownScores.from_dict(record["unknowns"])
        return cls(**fields)
