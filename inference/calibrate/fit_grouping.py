"""Fit a grouping rule: from what similarity known individuals are one, and how far off counts are."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from inference.calibrate.calibration import Calibration
from inference.calibrate.grouping_rule import CountTrial, GroupingRule
from inference.embeddings import check_embeddings
from inference.linkage import average_linkage
from inference.metrics.grouping import bcubed
from inference.modalities import MODALITIES, Modality
from inference.pooling import observations_of_known
from inference.threshold import best_threshold

LEAST_INDIVIDUALS = 4
NUM_HALVES = 4
TRIALS_PER_HALF = 30
MAX_OBSERVATIONS_TRIED = 1500  # of one half


def with_groupings(
    calibration: Calibration,
    embeddings: npt.ArrayLike,
    individuals: Sequence[Hashable] | np.ndarray,
    *,
    modalities: Sequence[Modality] | np.ndarray | Modality = "image",
    sources: Sequence[Hashable] | np.ndarray | None = None,
    seed: int = 0,
) -> Calibration:
    """The calibration with a grouping rule for each modality that has enough individuals.

    Without one, grouping joins down to log-odds 0 of the pairs, and a count has no learnt interval.

    Args:
        calibration: of the same encoder.
        embeddings: float32 [num, size], unit length, of individuals that the encoder was not trained on. What
            will be grouped should be alike: single crops, or tracklets (all rows of one, with the
            tracklet as source).
        individuals: str or int [num].
        modalities: of each row, or one for all.
        sources: str or int [num]; rows of one individual in one source are pooled. None: no two are.
        seed: int.

    Returns:
        The calibration with `groupings` of the modalities in which at least four individuals were seen, two
        of them in two sources; others as before.

    Raises:
        ValueError: as `fit_grouping_rule`, or the calibration is of another encoder.
    """
    calibration.check_fingerprint(embeddings)
    checked = check_embeddings(embeddings)
    who = np.unique(np.asarray(individuals), return_inverse=True)[1]
    of_row = np.broadcast_to(np.asarray(modalities), len(checked))
    where = np.arange(len(checked)) if sources is None else np.asarray(sources)
    rules = dict(calibration.groupings)
    for modality in MODALITIES:
        rows = np.flatnonzero(of_row == modality)
        if _has_enough(who[rows], where[rows]):
            rules[modality] = fit_grouping_rule(
                checked[rows], who[rows], sources=where[rows], seed=seed
            )
    return replace(calibration, groupings=rules)


def fit_grouping_rule(
    embeddings: npt.ArrayLike,
    individuals: Sequence[Hashable] | np.ndarray,
    *,
    sources: Sequence[Hashable] | np.ndarray | None = None,
    seed: int = 0,
) -> GroupingRule:
    """The threshold that groups known individuals best, tried on those left out of its fit.

    The individuals are halved; one half gives a threshold, the other is grouped by it, and so are footages
    drawn from that half, of any number of its individuals and views: they show how far counts are off.
    Where individuals are too few to leave half of them out, nothing is known about errors.

    Args:
        embeddings: float32 [num, size], unit length, all of one modality, of individuals that the encoder was
            not trained on.
        individuals: str or int [num], who each row shows.
        sources: str or int [num], such as the video or tracklet of each row; rows of one individual in one
            source are pooled first. None: every row is a source of its own.
        seed: int, for how individuals are halved and footages are drawn.

    Raises:
        ValueError: fewer than two individuals, or no individual in two sources.
    """
    checked = np.asarray(check_embeddings(embeddings), np.float64)
    observations, individual_of = observations_of_known(checked, individuals, sources)
    rng = np.random.default_rng(seed)
    f1: list[float] = []
    trials: list[CountTrial] = []
    for fit_on, try_on in _halves(individual_of, rng):
        known = np.unique(individual_of[fit_on], return_inverse=True)[1]
        threshold = best_threshold(observations[fit_on], known)
        left_out, who = observations[try_on], individual_of[try_on]
        f1.append(bcubed(who, _group(left_out, threshold)).f1)
        trials += [_trial(left_out, who, threshold, rng) for _ in range(TRIALS_PER_HALF)]
    return GroupingRule(
        best_threshold(observations, individual_of),
        float(np.mean(f1)) if f1 else None,
        tuple(trials),
        int(individual_of.max()) + 1,
    )


def _halves(
    individual_of: np.ndarray, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows to fit on and rows to try on, without a common individual, where both can be done."""
    num = int(individual_of.max()) + 1
    for _ in range(NUM_HALVES // 2):
        is_first = (rng.permutation(num) < num // 2)[individual_of]
        for fit_on, try_on in ((is_first, ~is_first), (~is_first, is_first)):
            sizes = np.bincount(individual_of[fit_on])
            if (sizes > 0).sum() >= 2 and (sizes > 1).any() and try_on.any():
                few = rng.permutation(np.flatnonzero(try_on))[:MAX_OBSERVATIONS_TRIED]
                yield np.flatnonzero(fit_on), np.sort(few)


def _trial(
    observations: np.ndarray, individual_of: np.ndarray, threshold: float, rng: np.random.Generator
) -> CountTrial:
    """Footage of one to all of these individuals, each in some of its observations."""
    names = np.unique(individual_of)
    num_true = int(np.exp(rng.uniform(0, np.log(len(names) + 0.999))))
    share = rng.uniform(0.2, 1.0)
    rows = [
        rng.permutation(seen)[: max(1, rng.binomial(len(seen), share))]
        for individual in rng.permutation(names)[:num_true]
        for seen in [np.flatnonzero(individual_of == individual)]
    ]
    drawn = observations[np.concatenate(rows)]
    return CountTrial(int(_group(drawn, threshold).max()) + 1, num_true, len(drawn))


def _group(observations: np.ndarray, threshold: float) -> np.ndarray:
    return average_linkage(observations, np.ones(len(observations), int), threshold).labels()


def _has_enough(individual_of: np.ndarray, sources: np.ndarray) -> bool:
    """Whether there are four individuals, two of them in two sources."""
    pairs = {(who, str(where)) for who, where in zip(individual_of.tolist(), sources, strict=True)}
    times = np.bincount(np.array([who for who, _ in pairs], int), minlength=1)
    return int((times > 0).sum()) >= LEAST_INDIVIDUALS and int((times > 1).sum()) >= 2
