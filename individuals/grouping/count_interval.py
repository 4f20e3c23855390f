"""How far a count may be off: its bounds, and what counts of known individuals were off by."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from inference.calibrate.grouping_rule import CountTrial

CONFIDENCE = 0.95
NEAR_FOOTAGES = 40
TRIALS_NEEDED = 39  # so that the outermost of them hold the confidence: 2 / (1 - CONFIDENCE) - 1
MAX_SETS = 20_000
SLACK = 1e-9  # of floating point


@dataclass(frozen=True)
class CountInterval:
    """Between which numbers the true count is, and how that is known.

    Attributes:
        low: int.
        high: int.
        confidence: float, the share of intervals made in this way that hold the truth, for footage like that
            of the known individuals; None where there was nothing or too little to learn it from: then low
            and high are the bounds.
        minimum: int, so many were seen together, pairwise. Holds if the boxes are right.
        maximum: int, so many tracklets (or single sightings) there are. Holds if boxes and tracklets are
            right. Neither knows of animals that no detector saw.
        expected: float, the count after the usual error for its size is taken away.
        num_trials: int, footages of known individuals that this was learnt from.
        largest_trial: int, the most groups that were found in one of them.
    """

    low: int
    high: int
    confidence: float | None
    minimum: int
    maximum: int
    expected: float
    num_trials: int
    largest_trial: int

    def __str__(self) -> str:
        return f"{self.low} to {self.high}"

    @property
    def kind(self) -> str:
        """What low and high are: such as "95 %", or "bounds"."""
        return "bounds" if self.confidence is None else f"{self.confidence:.0%}".replace("%", " %")


def count_interval(
    num_found: int,
    trials: Sequence[CountTrial],
    *,
    minimum: int,
    maximum: int,
) -> CountInterval:
    """The interval of a count, from footages of known individuals in which about as many were found.

    A prediction interval by ranks (split conformal): of the 40 footages nearest in their found count,
    the ratio true / found at the ranks that hold at least 0.95, applied to this count. It has that
    coverage for footage drawn as those were; other places, years and cameras it cannot know. With fewer
    than 39 footages, or for a count above the largest that was tried, only the bounds are told.

    Reference:
        Lei et al., Distribution-free predictive inference for regression, 2018,
        https://doi.org/10.1080/01621459.2017.1307116
    """
    largest = max((trial.num_found for trial in trials), default=0)
    bounds = CountInterval(
        minimum, maximum, None, minimum, maximum, float(num_found), len(trials), largest
    )
    if num_found == 0 or len(trials) < TRIALS_NEEDED or num_found > largest:
        return bounds
    found = np.array([trial.num_found for trial in trials], float)
    ratios = np.array([trial.num_true for trial in trials], float) / found
    nearest = np.argsort(np.abs(np.log(found / num_found)), kind="stable")
    ordered = np.sort(ratios[nearest[:NEAR_FOOTAGES]])
    below = int(np.floor((len(ordered) + 1) * (1 - CONFIDENCE) / 2 + SLACK)) - 1
    low = min(num_found, int(np.floor(num_found * ordered[below] + SLACK)))
    high = max(num_found, int(np.ceil(num_found * ordered[-1 - below] - SLACK)))
    return replace(
        bounds,
        low=int(np.clip(low, minimum, maximum)),
        high=int(np.clip(high, minimum, maximum)),
        confidence=CONFIDENCE,
        expected=float(np.clip(num_found * np.median(ordered), minimum, maximum)),
    )


def num_certain(num_atoms: int, apart: np.ndarray) -> int:
    """The size of the largest set of atoms that are all known to be different, pairwise.

    Exact for what is seen in videos; among more than 20,000 sets that cannot grow, the largest of so many.
    """
    import networkx as nx

    sets = islice(nx.find_cliques(nx.Graph(apart.tolist())), MAX_SETS)
    return max(map(len, sets), default=min(num_atoms, 1))
