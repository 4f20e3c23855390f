"""How far a count may be off: what certainly holds, and what counts of known individuals were off by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from inference.calibrate.grouping_rule import CountTrial

NEAR_FOOTAGES = 40  # more where the confidence needs more
FARTHEST = 3.0  # a count of more than so many times the largest tried one is another matter
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
            and high are certain.
        minimum: int, certain: so many were seen together, pairwise.
        maximum: int, certain if tracklets are: so many tracklets (or single sightings) there are.
        expected: float, the count after the usual error for its size is taken away.
        num_trials: int, footages of known individuals that this was learnt from.
    """

    low: int
    high: int
    confidence: float | None
    minimum: int
    maximum: int
    expected: float
    num_trials: int

    def __str__(self) -> str:
        return f"{self.low} to {self.high}"


def count_interval(
    num_found: int,
    trials: Sequence[CountTrial],
    *,
    minimum: int,
    maximum: int,
    confidence: float = 0.95,
) -> CountInterval:
    """The interval of a count, from footages of known individuals in which about as many were found.

    A prediction interval by ranks (split conformal): of the 40 footages nearest in their found count,
    the ratio true / found at the ranks that hold at least the confidence, applied to this count. It has
    that coverage for footage drawn as those were; other places, years and cameras it cannot know. A
    confidence of 0.95 needs 39 footages, 0.99 needs 199; of fewer, or for counts more than three times the
    largest that was tried, the interval is what is certain.

    Args:
        num_found: int, groups.
        trials: of a `GroupingRule`; may be empty.
        minimum: int, how many are certain.
        maximum: int, how many there can be at most.
        confidence: float in (0, 1).

    Returns:
        CountInterval; it always holds `num_found` where that is between minimum and maximum.

    Raises:
        ValueError: a confidence outside (0, 1).

    Reference:
        Lei et al., Distribution-free predictive inference for regression, 2018,
        https://doi.org/10.1080/01621459.2017.1307116
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1), such as 0.95; received {confidence}.")
    needed = int(np.ceil(2 / (1 - confidence) - 1 - SLACK))  # the outermost ranks hold that much
    found = np.array([trial.num_found for trial in trials], float)
    if num_found == 0 or len(trials) < needed or num_found > FARTHEST * found.max():
        return CountInterval(
            minimum, maximum, None, minimum, maximum, float(num_found), len(trials)
        )
    ratios = np.array([trial.num_true for trial in trials], float) / found
    nearest = np.argsort(np.abs(np.log(found / num_found)), kind="stable")
    ordered = np.sort(ratios[nearest[: max(NEAR_FOOTAGES, needed)]])
    below = int(np.floor((len(ordered) + 1) * (1 - confidence) / 2 + SLACK)) - 1
    low_ratio, high_ratio = ordered[below], ordered[-1 - below]
    expected = float(np.clip(num_found * np.median(ordered), minimum, maximum))
    low = min(num_found, int(np.floor(num_found * low_ratio + SLACK)))
    high = max(num_found, int(np.ceil(num_found * high_ratio - SLACK)))
    return CountInterval(
        int(np.clip(low, minimum, maximum)),
        int(np.clip(high, minimum, maximum)),
        confidence,
        minimum,
        maximum,
        expected,
        len(trials),
    )


def num_certain(num_atoms: int, apart: np.ndarray) -> int:
    """The size of the largest set of atoms that are all known to be different, pairwise.

    Exact for what is seen in videos; among more than 20,000 sets that cannot grow, the largest of so many.

    Args:
        num_atoms: int.
        apart: int64 [pairs, 2], atoms that can never be one individual.
    """
    import networkx as nx

    largest = min(num_atoms, 1)
    for atoms in islice(nx.find_cliques(nx.Graph(apart.tolist())), MAX_SETS):
        largest = max(largest, len(atoms))
    return largest
