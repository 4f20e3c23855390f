"""Where known ends and new begins: the similarities that decide, plain or calibrated."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.calibrate import Calibration, CannotCertifyError, certify_threshold
from inference.modalities import PAIR_PATTERNS

DEFAULT_MARGIN = math.log(10)  # the runner-up is ten times less likely
DEFAULT_SIMILARITY_MARGIN = 0.05


@dataclass(frozen=True)
class PatternThresholds:
    """The thresholds of one pair pattern.

    Args:
        known_above: float, cosine similarity; a known animal is strictly above it.
        new_below: float <= known_above; a new animal is strictly below it.
        slope, intercept: float; log-odds = slope * similarity + intercept. Plain thresholds have 1 and 0.
    """

    known_above: float
    new_below: float
    slope: float = 1.0
    intercept: float = 0.0

    def __post_init__(self) -> None:
        if not -1 <= self.new_below <= self.known_above <= 1:
            raise ValueError(
                "Expected cosine similarities -1 <= new_below <= known_above <= 1, received "
                f"new_below={self.new_below} and known_above={self.known_above}."
            )
        if not self.slope > 0:
            raise ValueError(
                f"Expected a slope above 0, received {self.slope}: with this calibration a higher similarity "
                "does not make one individual more likely, so nothing can be recognised by it. Calibrate "
                "with more individuals, or train an encoder on individuals."
            )


@dataclass(frozen=True)
class Thresholds:
    """What decides between known, new and uncertain.

    Known: the best similarity is strictly above `known_above`, and no other answer is nearly as good. New:
    even the best is strictly below `new_below`. Uncertain: all else.

    Args:
        patterns: pair pattern such as "image-image" -> `PatternThresholds`.
        margin: float >= 0, by how much evidence the best answer must beat the next: a difference of log-odds,
            or of similarities for plain thresholds.
        calibration: what they come from; None for plain ones.
        num_gallery: int, individuals in the gallery that they were certified for; None for plain ones.
    Example:
        >>> Thresholds.plain(known_above=0.8, new_below=0.6).patterns["image-image"].known_above
        0.8
    """

    patterns: Mapping[str, PatternThresholds]
    margin: float
    calibration: Calibration | None = None
    num_gallery: int | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.margin) and self.margin >= 0):
            raise ValueError(f"Expected a finite margin >= 0, received {self.margin}.")

    @classmethod
    def plain(
        cls, *, known_above: float, new_below: float, margin: float = DEFAULT_SIMILARITY_MARGIN
    ) -> Thresholds:
        """Thresholds that somebody chose; nothing is certified.

        Args:
            known_above: float in [-1, 1], cosine similarity.
            new_below: float <= known_above.
            margin: float >= 0, of similarity, between the best individual and the runner-up. Default 0.05.
        """
        pattern = PatternThresholds(known_above, new_below)
        return cls(dict.fromkeys(PAIR_PATTERNS, pattern), margin)

    @classmethod
    def calibrated(
        cls,
        calibration: Calibration,
        *,
        false_match_rate: float = 0.001,
        confidence: float = 0.95,
        miss_rate: float = 0.05,
        margin: float = DEFAULT_MARGIN,
        patterns: Sequence[str] = ("image-image",),
        known_scores: Mapping[str, npt.ArrayLike] | None = None,
    ) -> Thresholds:
        """Thresholds that keep a false-match rate and a miss rate.

        `known_above` is the calibration's certified threshold: at most `false_match_rate` of unknown animals
        get the name of a known one, in a gallery of the size and kind of the calibration's. With several
        patterns each is certified for its share of that rate, with the confidence given.

        `new_below` is the higher of two bounds, below which at most `miss_rate` of the known animals lie.
        First, where the likelihood ratio falls to `miss_rate`: the expectation of 1 / ratio over pairs of one
        animal is at most 1 (Markov's inequality), if the calibration is right. Second, from `known_scores` of
        enough individuals (59 for 0.05), an exact binomial bound.

        Both hold for the mean over a tracklet's rows of the nearest sighting, which identification compares:
        it is never above the certified maximum, and the mean of log-odds obeys the same inequality (Jensen).

        Args:
            calibration: of the encoder.
            false_match_rate: float in (0, 1). Default 0.001.
            confidence: float in (0, 1), of that rate.
            miss_rate: float in (0, 1), of known animals that are called new. Default 0.05.
            margin: float >= 0, of log-odds: how much likelier than the runner-up. Default log(10).
            patterns: which pair patterns are compared.
            known_scores: pattern -> float [num_individuals], of `Catalogue.known_scores`.
        Raises:
            ValueError: the calibration lacks a pattern, or has too few individuals to certify the rate
                (`CannotCertifyError`: ask for a larger one, or choose plain thresholds).
        """
        if not 0 < miss_rate < 1:
            raise ValueError(f"Expected miss_rate in (0, 1), received {miss_rate}.")
        # So that all patterns together have the confidence that was asked for.
        each_confidence = 1 - (1 - confidence) / max(len(patterns), 1)
        found: dict[str, PatternThresholds] = {}
        galleries = []
        for pattern in patterns:
            certified = calibration.threshold_at(
                false_match_rate / len(patterns), each_confidence, pattern
            )
            galleries.append(certified.num_gallery)
            pair = calibration.pair(pattern)
            known_above = min(certified.similarity, 1.0)
            low = (math.log(miss_rate) - pair.intercept) / pair.slope if pair.slope > 0 else -1.0
            scores = np.asarray((known_scores or {}).get(pattern, ()), np.float64)
            low = max(low, _lowest_of_known(scores, miss_rate, confidence))
            new_below = max(-1.0, min(low, known_above))
            found[pattern] = PatternThresholds(known_above, new_below, pair.slope, pair.intercept)
        return cls(found, margin, calibration, min(galleries, default=None))

    def probability(self, similarity: float, pattern: str) -> float | None:
        """Calibrated probability, at even prior, that such a pair shows one individual; None if plain."""
        calibration = self.calibration
        return None if calibration is None else float(calibration.probability(similarity, pattern))

    def to_dict(self) -> dict[str, object]:
        """What a log keeps of them."""
        shown = {
            pattern: {"known_above": values.known_above, "new_below": values.new_below}
            for pattern, values in self.patterns.items()
        }
        if self.calibration is None:
            shown = {"any": next(iter(shown.values()))} if shown else {}
        return {"patterns": shown, "margin": self.margin, "num_gallery": self.num_gallery}


def _lowest_of_known(scores: np.ndarray, miss_rate: float, confidence: float) -> float:
    """Below which at most that share of known animals lies; -1 where they are too few to say."""
    try:
        return -certify_threshold(-scores, miss_rate, confidence).similarity
    except CannotCertifyError:
        return -1.0
