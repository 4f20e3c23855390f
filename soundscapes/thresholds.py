"""Thresholds per species: certified for a false-positive rate, and the published rule beside them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from inference.calibrate.certified import certify_threshold, units_needed


@dataclass(frozen=True)
class SpeciesThreshold:
    """From which score on a species is said to be there. Above it, strictly, it is.

    Attributes:
        species: its name.
        threshold: float, certified; None where there are too few sources.
        reason: why there is none: "cannot certify: needs 2995, have 40".
        num_sources: int, independent sources without the species that it rests on.
        num_false: int, of these, above the threshold.
        upper_bound: float, of the false-positive rate; None without a threshold.
        observed: float, the lowest threshold that keeps the rate among the rows as they were observed,
            without any promise; NaN where the species is in every row.
        published_rate: float, share of the rows without the species that the published threshold passes.
    """

    species: str
    threshold: float | None
    reason: str | None
    num_sources: int
    num_false: int
    upper_bound: float | None
    observed: float
    published_rate: float


@dataclass(frozen=True)
class SpeciesThresholds:
    """The thresholds of all species of a classifier.

    Attributes:
        species: one record each, in the order of the classifier's classes.
        false_positive_rate: float in (0, 1), asked for: of independent sources (recordings, tapes, outings)
            without a species, the share in which it is claimed anywhere.
        confidence: float in (0, 1), how sure it is, for each species, that the rate is not above that.
        published: float, the one threshold of the published rule: the median of `observed`.
    """

    species: tuple[SpeciesThreshold, ...]
    false_positive_rate: float
    confidence: float
    published: float

    @property
    def class_names(self) -> tuple[str, ...]:
        """The species, in order."""
        return tuple(one.species for one in self.species)

    @property
    def num_certified(self) -> int:
        """Of how many species a threshold is certified."""
        return sum(one.threshold is not None for one in self.species)

    @property
    def num_exceeding(self) -> int:
        """Of how many species the published threshold passes more than the rate, as observed."""
        return sum(one.published_rate > self.false_positive_rate for one in self.species)

    def of(self, class_names: Sequence[str], *, uncertified: float | None = None) -> np.ndarray:
        """The thresholds in the order of some classes, float [num_classes].

        Args:
            class_names: of a classifier.
            uncertified: float, for species without a certified threshold. Default: the published one.
        Raises:
            ValueError: classes of which nothing is known here.
        """
        known = {one.species: one.threshold for one in self.species}
        if unknown := [name for name in class_names if name not in known]:
            raise ValueError(
                f"These thresholds are of another classifier: they do not know {unknown[:5]}. Certify "
                "thresholds of this one."
            )
        other = self.published if uncertified is None else uncertified
        found = (known[name] for name in class_names)
        return np.array([other if one is None else one for one in found])

    def in_words(self) -> str:
        """What they promise, and a line for each species that cannot be certified."""
        rate = f"{100 * self.false_positive_rate:g} %"
        lines = [
            f"{self.num_certified} of {len(self.species)} species have a threshold that is certified for a "
            f"false-positive rate of {rate} at {100 * self.confidence:g} % confidence.",
            f"The published rule, one threshold of {self.published:.4f} for all, exceeds {rate} in "
            f"{self.num_exceeding} of {len(self.species)} species.",
        ]
        lines += [f"  {one.species}: {one.reason}" for one in self.species if one.reason]
        return "\n".join(lines)


def certify_thresholds(
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    sources: Sequence[Hashable],
    *,
    class_names: Sequence[str],
    false_positive_rate: float = 0.001,
    confidence: float = 0.95,
) -> SpeciesThresholds:
    """The lowest threshold of each species of which the data show that it is rarely claimed in vain.

    Rows of one source are not independent, so each source that is without the species counts once, with its
    highest score; see `inference.certify_threshold` for the exact bound. A source counts only if the species
    is in none of its rows: in a recording in which it sings, whatever is near may be the species too.

    Args:
        scores: float [num_rows, num_classes], of recordings or segments that the classifier was not trained
            on. Rows with NaN (nothing was heard) are left out.
        labels: [num_rows, num_classes], above 0 where the species is in the row.
        sources: of each row, such as its recordist, tape or outing.
        class_names: in the order of the columns.
        false_positive_rate: float in (0, 1).
        confidence: float in (0, 1).

    Returns:
        A record that `save_thresholds` writes; species that cannot be certified say how many sources are
        needed.

    Raises:
        ValueError: shapes that do not fit, or a rate or confidence outside (0, 1).

    Reference:
        The bound: Clopper & Pearson, Biometrika 26, 1934. The published rule is that of the classifier for
        264 species: the threshold of each class at a false-positive rate of 0.1 %, then the median of all.
    """
    values, present, source_of = _checked(scores, labels, sources, class_names)
    needed = units_needed(false_positive_rate, confidence)
    observed = [
        _observed(column[~there], false_positive_rate)
        for column, there in zip(values.T, present.T, strict=True)
    ]
    known = [one for one in observed if not math.isnan(one)]
    if not known:
        raise ValueError(
            "Every row holds every species, so that nothing can be said of false positives. Add recordings "
            "of other species."
        )
    published = float(np.median(known))
    species = []
    for number, name in enumerate(class_names):
        column, there = values[:, number], present[:, number]
        highest = _highest_of_sources(column, there, source_of)
        certified = None
        if len(highest) >= needed:
            certified = certify_threshold(highest, false_positive_rate, confidence)
        species.append(
            SpeciesThreshold(
                name,
                certified.similarity if certified else None,
                None if certified else f"cannot certify: needs {needed}, have {len(highest)}",
                len(highest),
                certified.num_false_matches if certified else 0,
                certified.upper_bound if certified else None,
                observed[number],
                float(np.mean(column[~there] > published)) if (~there).any() else 0.0,
            )
        )
    return SpeciesThresholds(tuple(species), false_positive_rate, confidence, published)


@dataclass(frozen=True)
class RealisedRate:
    """How often a species was claimed in vain, in sources that had no part in its threshold.

    Attributes:
        species: its name.
        num_false: int, sources without the species in which it was claimed.
        num_sources: int, sources without it.
        rate: float; NaN without sources.
        low, high: float, of the exact (Clopper-Pearson) two-sided interval.
    """

    species: str
    num_false: int
    num_sources: int
    rate: float
    low: float
    high: float


def realised_rates(
    thresholds: npt.ArrayLike,
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    sources: Sequence[Hashable],
    *,
    class_names: Sequence[str],
    confidence: float = 0.95,
) -> list[RealisedRate]:
    """The false-positive rate of each species on other data, with its exact interval.

    Args:
        thresholds: float [num_classes] or one for all; a claim is a score strictly above it.
        scores: float [num_rows, num_classes]; this and the next two as in `certify_thresholds`.
        labels: [num_rows, num_classes].
        sources: of each row.
        class_names: in the order of the columns.
        confidence: float in (0, 1), of the interval.

    Raises:
        ValueError: shapes that do not fit.
    """
    values, present, source_of = _checked(scores, labels, sources, class_names)
    above = np.broadcast_to(np.asarray(thresholds, np.float64), (len(class_names),))
    rates = []
    for number, name in enumerate(class_names):
        highest = _highest_of_sources(values[:, number], present[:, number], source_of)
        num, num_false = len(highest), int(np.sum(highest > above[number]))
        if not num:
            rates.append(RealisedRate(name, 0, 0, math.nan, 0.0, 1.0))
            continue
        interval = binomtest(num_false, num).proportion_ci(confidence, method="exact")
        rates.append(
            RealisedRate(
                name, num_false, num, num_false / num, float(interval.low), float(interval.high)
            )
        )
    return rates


def _observed(negatives: np.ndarray, rate: float) -> float:
    """The lowest threshold that at most this share of the scores is above; NaN of no scores."""
    if not len(negatives):
        return math.nan
    allowed = math.floor(rate * len(negatives) + 1e-9)
    return float(np.sort(negatives)[::-1][min(allowed, len(negatives) - 1)])


def _highest_of_sources(
    scores: np.ndarray, present: np.ndarray, source_of: np.ndarray
) -> np.ndarray:
    """Of each source that is without the species, its highest score."""
    num_sources = int(source_of.max(initial=-1)) + 1
    highest = np.full(num_sources, -np.inf)
    np.maximum.at(highest, source_of, scores)
    has_species = np.zeros(num_sources, bool)
    np.logical_or.at(has_species, source_of, present)
    return highest[~has_species]


def _checked(
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    sources: Sequence[Hashable],
    class_names: Sequence[str],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, whether the species is there, and numbered sources, of rows in which something was heard."""
    values, present = np.asarray(scores, np.float64), np.asarray(labels) > 0
    expected = (len(sources), len(class_names))
    if values.shape != expected or present.shape != expected:
        raise ValueError(
            f"Expected scores and labels [num_rows, num_classes] = {list(expected)}, as many as sources and "
            f"class names; received {list(values.shape)} and {list(present.shape)}."
        )
    is_known = ~np.isnan(values).any(axis=1)
    number = {name: place for place, name in enumerate(dict.fromkeys(sources))}
    numbered = np.array([number[one] for one in sources], int)[is_known]
    if len(numbered):
        numbered = np.unique(numbered, return_inverse=True)[1]
    return values[is_known], present[is_known], numbered
