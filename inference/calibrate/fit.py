"""Fit a calibration: embeddings of known individuals tell what similarities mean."""

from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from inference.calibrate.calibration import Calibration
from inference.calibrate.certified import UnknownScores
from inference.calibrate.grouping_rule import fit_grouping_rule
from inference.calibrate.pair_calibration import (
    CalibrationError,
    PairCalibration,
    calibration_error,
    fit_isotonic,
    fit_logistic,
)
from inference.calibrate.samples import (
    PairSample,
    Rows,
    count_positive_pairs,
    draw_galleries,
    independent_units,
    sample_pairs,
    unknown_scores,
)
from inference.embeddings import check_embeddings, fingerprint_of
from inference.modalities import MODALITIES, PAIR_PATTERNS, Modality

ISOTONIC_FROM_PAIRS = 300
ISOTONIC_FROM_INDIVIDUALS = 30
NUM_FOLDS = 5
MAX_PAIRS = 200_000
NUM_GALLERIES = 10
GALLERY_SHARE = 0.5  # of the individuals
LEAST_TO_GROUP = 4  # individuals
Labels = Sequence[Hashable] | np.ndarray


def fit_calibration(
    embeddings: npt.ArrayLike,
    individuals: Labels,
    *,
    modalities: Modality | Sequence[Modality] | np.ndarray = "image",
    sources: Labels | None = None,
    units: Labels | None = None,
    is_identity_disjoint: bool = True,
    max_pairs: int = MAX_PAIRS,
    seed: int = 0,
) -> Calibration:
    """What similarities mean, learnt from embeddings of individuals that the encoder was NOT trained on.

    Take individuals from the places and cameras that will be asked about, and what will be compared: single
    crops, or pooled tracklets. For each pair pattern that has positive and negative pairs there are

    - log-odds: a logistic curve over the similarity (Platt's, with smoothed targets, and never falling);
    - probabilities: that curve, or an isotonic one from 300 positive pairs of sources of 30 individuals on;
    - the scores of unknown animals, from which `Calibration.threshold_at` certifies thresholds: half of the
      individuals are a gallery, and each of the others is looked for in it; ten times, with other galleries.

    Pairs within one source are left out: two frames of one tracklet resemble each other whoever is in them.
    Individuals count evenly, however often they were seen, and so do both kinds of pairs.

    Args:
        embeddings: float32 [num, size], unit length.
        individuals: str or int [num], who each row is.
        modalities: what each row was made of, "image", "audio" or "fused" [num]; or one for all rows.
        sources: str or int [num], such as the tracklet, video or file of each row. None: every row is a
            source of its own.
        units: str or int [num], what else makes rows dependent, such as the video or the day: individuals
            that share one are one independent unit of a threshold. None: every individual is one.
        is_identity_disjoint: whether nobody here was trained on. Recorded, not checked.
        max_pairs: int >= 1; of more pairs so many of each kind are drawn.
        seed: int, for draws, folds and who is in the gallery.

    Returns:
        `Calibration`, with the fingerprint that the embeddings carry.

    Raises:
        ValueError: no pattern has both kinds of pairs; lengths that do not fit; NaN or
            not of unit length.

    Reference:
        Platt, Probabilistic outputs for support vector machines, 1999. Zadrozny & Elkan, Transforming
        classifier scores into accurate multiclass probability estimates, 2002 (isotonic).
    """
    rows = _rows(embeddings, individuals, modalities, sources)
    unit = independent_units(
        rows.individual, None if units is None else _numbered(units, len(rows.individual), "units")
    )
    rng = np.random.default_rng(seed)
    galleries = draw_galleries(
        unit, share=GALLERY_SHARE, num=NUM_GALLERIES, rng=np.random.default_rng([seed, 1])
    )
    fold = rng.permutation(int(rows.individual.max(initial=-1)) + 1)
    pairs = {}
    for pattern in PAIR_PATTERNS:
        first, second = pattern.split("-")
        num_positive = count_positive_pairs(rows, first, second)
        sample = sample_pairs(rows, first, second, max_pairs=max_pairs, rng=rng)
        if sample.has_both:
            slope, intercept, knots = _curves(sample, num_positive)
            pairs[pattern] = PairCalibration(
                slope,
                intercept,
                knots,
                len(np.union1d(sample.first, sample.second)),
                int(num_positive.sum()),
                _held_out_error(sample, num_positive, fold),
                _unknowns(rows, first, second, unit, galleries),
            )
    if not pairs:
        raise ValueError(_no_pairs(rows))
    return Calibration(fingerprint_of(embeddings), pairs, is_identity_disjoint)


def with_groupings(
    calibration: Calibration,
    embeddings: npt.ArrayLike,
    individuals: Labels,
    *,
    modalities: Modality | Sequence[Modality] | np.ndarray = "image",
    sources: Labels | None = None,
    seed: int = 0,
) -> Calibration:
    """The calibration with a grouping rule for each modality that has enough individuals.

    Without one, grouping joins down to log-odds 0 of the pairs, and a count has no learnt interval. Enough
    are four individuals, two of them in two sources. Rows of one individual in one source, such as a
    tracklet, are pooled. Options as in `fit_calibration`.

    Raises:
        ValueError: as `fit_grouping_rule`, or the calibration is of another encoder.
    """
    calibration.check_fingerprint(embeddings)
    checked = check_embeddings(embeddings)
    who = np.unique(np.asarray(individuals), return_inverse=True)[1]
    of_row = np.broadcast_to(np.asarray(modalities), len(checked))
    given = np.arange(len(checked)) if sources is None else np.asarray(sources)
    where = np.unique(given, return_inverse=True)[1]
    rules = dict(calibration.groupings)
    for modality in MODALITIES:
        rows = np.flatnonzero(of_row == modality)
        in_source = np.unique(np.stack([who[rows], where[rows]]), axis=1)
        times = np.bincount(in_source[0])
        if (times > 0).sum() >= LEAST_TO_GROUP and (times > 1).sum() >= 2:
            rules[modality] = fit_grouping_rule(
                checked[rows], who[rows], sources=where[rows], seed=seed
            )
    return replace(calibration, groupings=rules)


def _unknowns(
    rows: Rows, first: str, second: str, unit: np.ndarray, galleries: Sequence[np.ndarray]
) -> UnknownScores | None:
    """The scores with each of the galleries; None where one of them cannot be asked."""
    found = [
        unknown_scores(rows, first, second, unit=unit, is_in_gallery=is_in_gallery)
        for is_in_gallery in galleries
    ]
    asked = [scores for scores in found if scores is not None]
    if len(asked) < len(found):
        return None
    return replace(asked[0], redrawn=tuple(scores.scores for scores in asked[1:]))


def _curves(
    sample: PairSample, num_positive_of: np.ndarray
) -> tuple[float, float, tuple[tuple[float, float], ...]]:
    """Slope, intercept, and the knots of the isotonic curve where there are data enough for one."""
    matched = np.unique(sample.first[sample.is_same])
    num_positive = int(num_positive_of[matched].sum())
    num_individuals = len(np.union1d(sample.first, sample.second))
    # Platt's targets; two rows of the same two individuals are no further evidence that others differ
    positive_target = (num_positive + 1) / (num_positive + 2)
    negative_target = 1 / (num_individuals * (num_individuals - 1) / 2 + 2)
    targets = np.where(sample.is_same, positive_target, negative_target)
    slope, intercept = fit_logistic(sample.similarity, targets, sample.weight)
    if num_positive < ISOTONIC_FROM_PAIRS or len(matched) < ISOTONIC_FROM_INDIVIDUALS:
        return slope, intercept, ()
    knots = fit_isotonic(
        sample.similarity, sample.is_same, sample.weight, (slope, intercept), len(matched)
    )
    return slope, intercept, knots


def _held_out_error(
    sample: PairSample, num_positive_of: np.ndarray, fold: np.ndarray
) -> CalibrationError | None:
    """The error on individuals that were left out of the fit in turn; None where they are too few."""
    matched = np.unique(sample.first[sample.is_same])
    num_folds = min(NUM_FOLDS, len(matched) // 2)
    if num_folds < 2:
        return None
    rank = np.full(len(fold), -1)
    rank[matched[np.argsort(fold[matched])]] = np.arange(len(matched))
    others = np.setdiff1d(np.arange(len(fold)), matched)
    rank[others[np.argsort(fold[others])]] = np.arange(len(others))
    group = rank % num_folds  # each gets as many individuals with positive pairs
    parts = []
    for number in range(num_folds):
        is_left_out = group[sample.first] == number, group[sample.second] == number
        fitted = sample.where(~is_left_out[0] & ~is_left_out[1])
        asked = sample.where(is_left_out[0] & is_left_out[1])
        if not (fitted.has_both and asked.has_both):
            continue
        curves = PairCalibration(*_curves(fitted, num_positive_of))
        parts.append((curves.probability(asked.similarity), asked.is_same, asked.weight))
    if not parts:
        return None
    return calibration_error(
        *map(np.concatenate, zip(*parts, strict=True)),
        num_individuals=len(np.union1d(sample.first, sample.second)),
    )


def _rows(
    embeddings: npt.ArrayLike,
    individuals: Labels,
    modalities: Modality | Sequence[Modality] | np.ndarray,
    sources: Labels | None,
) -> Rows:
    checked = np.asarray(check_embeddings(embeddings))
    num = len(checked)
    modality = np.full(num, modalities) if isinstance(modalities, str) else np.asarray(modalities)
    unknown = sorted(set(modality.tolist()) - set(MODALITIES))
    if unknown or len(modality) != num:
        raise ValueError(
            f"modalities must be one of {', '.join(MODALITIES)} for each of the {num} embeddings (or one for "
            f"all), received {len(modality)} of them with the unknown values {unknown}."
        )
    return Rows(
        checked,
        _numbered(individuals, num, "individuals"),
        np.arange(num) if sources is None else _numbered(sources, num, "sources"),
        modality,
    )


def _numbered(labels: Labels, num: int, name: str) -> np.ndarray:
    """Labels as int [num], numbered from 0 in the order in which they first appear."""
    if len(labels) != num:
        raise ValueError(
            f"{name} must hold one value for each of the {num} embeddings, received {len(labels)}."
        )
    numbers: dict[Hashable, int] = {}
    listed = labels.tolist() if isinstance(labels, np.ndarray) else labels
    return np.array([numbers.setdefault(label, len(numbers)) for label in listed], int)


def _no_pairs(rows: Rows) -> str:
    in_source = np.unique(np.stack([rows.individual, rows.source]), axis=1)
    num_sources = np.bincount(in_source[0])
    return (
        "A calibration needs two individuals or more, one of them in two sources, so that there are pairs of "
        f"one individual and of two; received {len(rows.individual)} embeddings of {len(num_sources)} "
        f"individuals, the most often seen in {num_sources.max(initial=0)} sources. Pairs within one source "
        "do not count. Add recordings or photos of known individuals."
    )
