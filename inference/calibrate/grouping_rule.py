"""The grouping rule that a calibration carries: a threshold, and how far off counts by it were."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from inference.embeddings import check_embeddings
from inference.linkage import average_linkage
from inference.metrics.grouping import bcubed
from inference.threshold import best_threshold, observations_of_known

NUM_HALVES = 8  # footages of few halves share their individuals: intervals get too narrow
TRIALS_PER_HALF = 15
MAX_OBSERVATIONS_TRIED = 1500  # of one half


class CountTrial(NamedTuple):
    """How many groups were found among some known individuals' observations, and how many they are."""

    num_found: int
    num_true: int
    num_observations: int


@dataclass(frozen=True)
class GroupingRule:
    """How embeddings of one modality are grouped into individuals: average linkage down to a threshold."""

    threshold: float  # in [-1, 1]: the mean cosine similarity from which groups are joined
    held_out_f1: float | None = None  # B-cubed, of individuals left out of the fit; None: too few
    trials: tuple[CountTrial, ...] = ()  # footage made of left-out individuals
    num_individuals: int = 0  # that it was fitted on

    def __post_init__(self) -> None:
        if not -1 <= self.threshold <= 1 or any(trial.num_found < 1 for trial in self.trials):
            raise ValueError(
                "This is no grouping rule: its threshold is no cosine, or a trial has no group."
            )

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> GroupingRule:
        """From the JSON of a calibration."""
        trials = tuple(CountTrial(*map(int, trial)) for trial in record["trials"])
        return cls(**{**record, "trials": trials})


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
    Where individuals are too few to leave half of them out, nothing is known about errors. Arguments as in
    `fit_calibration`, of one modality.

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
