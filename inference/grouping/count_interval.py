"""How far a count may be off: what certainly holds, and what counts of known individuals were off by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.grouping.rule import TriedFootage

NEAR_FOOTAGES = 40
MAX_STEPS = 20_000


@dataclass(frozen=True)
class CountInterval:
    """Between which numbers the true count is, and how that is known.

    Attributes:
        low: int.
        high: int.
        confidence: float, the share of intervals made in this way that hold the truth, for footage like that
            of the known individuals; None where there was nothing to learn it from: then low and high are
            certain.
        minimum: int, certain: so many were seen together, pairwise.
        maximum: int, certain if tracklets are: so many tracklets (or single sightings) there are.
        expected: float, the count after the usual error for its size is taken away.
        num_tried: int, footages of known individuals that this was learnt from.
    """

    low: int
    high: int
    confidence: float | None
    minimum: int
    maximum: int
    expected: float
    num_tried: int

    def __str__(self) -> str:
        return f"{self.low} to {self.high}"


def count_interval(
    num_found: int,
    tried: Sequence[TriedFootage],
    *,
    minimum: int,
    maximum: int,
    confidence: float = 0.95,
) -> CountInterval:
    """The interval of a count, from footages of known individuals in which about as many were found.

    A prediction interval by ranks (split conformal): of the 40 footages nearest in their found count,
    the ratio true / found at the ranks that hold at least the confidence, applied to this count. It has
    that coverage for footage drawn as those were; other places, years and cameras it cannot know.

    Args:
        num_found: int, groups.
        tried: of a `GroupingRule`; may be empty.
        minimum: int, how many are certain.
        maximum: int, how many there can be at most.
        confidence: float in (0, 1).

    Returns:
        CountInterval; it always holds `num_found` where that is between minimum and maximum.

    Reference:
        Lei et al., Distribution-free predictive inference for regression, 2018,
        https://doi.org/10.1080/01621459.2017.1307116
    """
    if num_found == 0 or not tried:
        return CountInterval(minimum, maximum, None, minimum, maximum, float(num_found), len(tried))
    found = np.array([footage.num_found for footage in tried], float)
    ratios = np.array([footage.num_true for footage in tried], float) / found
    near = np.argsort(np.abs(np.log(found / num_found)), kind="stable")[:NEAR_FOOTAGES]
    ordered = np.sort(ratios[near])
    tail = (1 - confidence) / 2
    below = int(np.floor((len(ordered) + 1) * tail)) - 1
    low_ratio = ordered[max(below, 0)]
    high_ratio = ordered[min(len(ordered) - 1 - below, len(ordered) - 1)]
    expected = float(np.clip(num_found * np.median(ordered), minimum, maximum))
    low = min(num_found, int(np.floor(num_found * low_ratio + 1e-9)))
    high = max(num_found, int(np.ceil(num_found * high_ratio - 1e-9)))
    return CountInterval(
        int(np.clip(low, minimum, maximum)),
        int(np.clip(high, minimum, maximum)),
        confidence,
        minimum,
        maximum,
        expected,
        len(tried),
    )


def num_certain(num_atoms: int, apart: np.ndarray) -> int:
    """The size of the largest set of atoms that are all known to be different, pairwise.

    Exact where 20,000 steps suffice, as they do for what is seen in videos; else the largest set found.

    Args:
        num_atoms: int.
        apart: int64 [pairs, 2], atoms that can never be one individual.
    """
    if num_atoms == 0:
        return 0
    rivals: dict[int, set[int]] = {}
    for first, second in apart.tolist():
        rivals.setdefault(first, set()).add(second)
        rivals.setdefault(second, set()).add(first)
    best = 1
    steps = 0
    # Branch and bound, the atoms of most rivals first; each stack entry: size so far, candidates left.
    stack: list[tuple[int, list[int]]] = [(0, sorted(rivals, key=lambda atom: len(rivals[atom])))]
    while stack and steps < MAX_STEPS:
        steps += 1
        size, candidates = stack.pop()
        if size + len(candidates) <= best or not candidates:
            best = max(best, size)
            continue
        atom = candidates[-1]
        stack.append((size, candidates[:-1]))
        stack.append((size + 1, [other for other in candidates[:-1] if other in rivals[atom]]))
        best = max(best, size + 1)
    return best
