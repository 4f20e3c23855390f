"""Thresholds with a promise: a maximum false-match rate of unknown animals, and how sure that is."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv


class CannotCertifyError(ValueError):
    """There are too few independent units for the rate that was asked for."""


@dataclass(frozen=True)
class UnknownScores:
    """How similar unknown animals were to a gallery in which they are not."""

    scores: tuple[float, ...]  # ascending: of each independent unit the highest similarity
    num_gallery: int  # individuals in the gallery
    redrawn: tuple[tuple[float, ...], ...] = ()  # likewise, with other galleries of that size

    def certify(self, false_match_rate: float, confidence: float) -> CertifiedThreshold:
        """The highest of the thresholds that the galleries certify; see `Calibration.threshold_at`."""
        galleries = (self.scores, *self.redrawn)
        each = [
            certify_threshold(scores, false_match_rate, confidence, self.num_gallery)
            for scores in galleries
        ]
        return max(each, key=lambda certified: certified.similarity)


@dataclass(frozen=True)
class CertifiedThreshold:
    """A similarity above which a match counts, and what is promised of it."""

    similarity: float  # a match is a similarity strictly above it
    false_match_rate: float  # asked for: share of unknown animals that are matched to anybody
    confidence: float  # how sure it is that the true rate is not above that
    upper_bound: float  # that was reached, at most `false_match_rate`
    num_units: int  # independent unknown animals that it rests on
    num_false_matches: int  # of these, above the threshold
    num_gallery: int  # individuals in the gallery that it was certified for


def certify_threshold(
    unknown_scores: npt.ArrayLike,
    false_match_rate: float = 0.001,
    confidence: float = 0.95,
    num_gallery: int = 0,
) -> CertifiedThreshold:
    """The lowest threshold of which the data show that unknown animals rarely pass it.

    Of n unknown animals, let k be the largest number for which the exact (Clopper-Pearson) upper bound of the
    rate is still at most the target. The threshold is the (k+1)-th largest score. k depends on n, target
    and confidence alone, never on the scores: the share of all unknown animals above the (k+1)-th largest
    of n independent scores is Beta(k+1, n-k) distributed whatever the scores' distribution, and exceeds the
    target with a probability of at most 1 - confidence. Equal scores make it only safer, for a match is
    strictly above.

    Args:
        unknown_scores: float [num_units], one per independent unit that is NOT in the gallery (an
            individual; a video; never several frames of one): its largest similarity to anything in the
            gallery.
        false_match_rate: float in (0, 1), the target.
        confidence: float in (0, 1).
        num_gallery: int, individuals in the gallery; a larger one is easier to be mistaken for.

    Raises:
        CannotCertifyError: too few units; it says how many are needed.
        ValueError: a rate or a confidence outside (0, 1), scores that are NaN or not one-dimensional.

    Reference:
        Clopper & Pearson, The use of confidence or fiducial limits illustrated in the case of the binomial,
        Biometrika 26, 1934. Wilks, Determination of sample sizes for setting tolerance limits, Ann. Math.
        Stat. 12, 1941.
    """
    for name, value in (("false_match_rate", false_match_rate), ("confidence", confidence)):
        if not 0 < value < 1:
            raise ValueError(f"Expected {name} in (0, 1), received {value}.")
    scores = np.asarray(unknown_scores, np.float64)
    if scores.ndim != 1 or np.isnan(scores).any():
        raise ValueError(
            "unknown_scores must be float [num_units] without NaN, one per independent unit; received the "
            f"shape {list(scores.shape)} with {int(np.isnan(scores).sum())} NaN."
        )
    descending = np.sort(scores)[::-1]
    num = len(descending)
    if num < units_needed(false_match_rate, confidence):
        raise CannotCertifyError(_too_few(num, false_match_rate, confidence))
    # the largest number of false matches whose upper bound is at most the target
    allowed = -1 + bisect_right(
        range(num), false_match_rate, key=lambda events: upper_bound(events, num, confidence)
    )
    similarity = float(descending[allowed])
    return CertifiedThreshold(
        similarity,
        false_match_rate,
        confidence,
        upper_bound(allowed, num, confidence),
        num,
        int(np.sum(descending > similarity)),
        num_gallery,
    )


def upper_bound(num_events: int, num: int, confidence: float = 0.95) -> float:
    """The exact one-sided (Clopper-Pearson) upper bound of a rate, of num_events in num independent units."""
    if num_events >= num:
        return 1.0
    if num_events == 0:
        return -math.expm1(math.log1p(-confidence) / num)
    return float(betaincinv(num_events + 1, num - num_events, confidence))


def units_needed(false_match_rate: float, confidence: float = 0.95) -> int:
    """How many independent unknown animals, none of them above the threshold, certify a rate.

    Example:
        >>> units_needed(0.001), units_needed(0.05)
        (2995, 59)
    """
    num = max(1, math.ceil(math.log1p(-confidence) / math.log1p(-false_match_rate)) - 1)
    while upper_bound(0, num, confidence) > false_match_rate:  # rounding near a whole number
        num += 1
    return num


def lowest_rate(num_units: int, confidence: float = 0.95) -> float:
    """The lowest false-match rate that so many units can certify; 1.0 for none."""
    return upper_bound(0, num_units, confidence)


def _too_few(num: int, false_match_rate: float, confidence: float) -> str:
    needed = units_needed(false_match_rate, confidence)
    within_reach = ""
    if num:
        rate = math.ceil(1000 * lowest_rate(num, confidence)) / 1000
        within_reach = f", or ask for a false match rate of {rate:g} or more" if rate < 1 else ""
    return (
        f"cannot certify a false match rate of {false_match_rate:g} at {100 * confidence:g} % confidence: "
        f"needs {needed} independent units without a false match, have {num}. "
        f"Calibrate with more individuals that are not in the gallery{within_reach}."
    )
