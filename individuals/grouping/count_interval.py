"""How far a count may be off: what certainly holds, and what counts of known individuals were off by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

import numpy as np

from inference.grouping.rule import TriedFootage

NEAR_FOOTAGES = 40  # more where the confidence needs more
FARTHEST = 3.0  # a count of more than so many times the largest tried one is another matter
MAX_STEPS = 20_000
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
    that coverage for footage drawn as those were; other places, years and cameras it cannot know. A
    confidence of 0.95 needs 39 footages, 0.99 needs 199; of fewer, or for counts more than three times the
    largest that was tried, the interval is what is certain.

    Args:
        num_found: int, groups.
        tried: of a `GroupingRule`; may be empty.
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
    found = np.array([footage.num_found for footage in tried], float)
    if num_found == 0 or len(tried) < needed or num_found > FARTHEST * found.max():
        return CountInterval(minimum, maximum, None, minimum, maximum, float(num_found), len(tried))
    ratios = np.array([footage.num_true for footage in tried], float) / found
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
        len(tried),
    )


def num_certain(num_atoms: int, apart: np.ndarray) -> int:
    """The size of the largest set of atoms that are all known to be different, pairwise.

    Exact where 20,000 steps suffice, as they do for what is seen in videos; else the largest set found.

    Args:
        num_atoms: int.
        apart: int64 [pairs, 2], atoms that can never be one individual.

    Reference:
        San Segundo et al., An exact bit-parallel algorithm for the maximum clique problem, 2011,
        https://doi.org/10.1016/j.cor.2010.07.019 (around each atom, among those of no fewer rivals)
    """
    rivals: dict[int, set[int]] = {}
    for first, second in apart.tolist():
        rivals.setdefault(first, set()).add(second)
        rivals.setdefault(second, set()).add(first)
    best, steps = min(num_atoms, 1), MAX_STEPS
    for others in sorted(_rivals_still_there(rivals), key=len, reverse=True):
        if len(others) < best or not steps:
            break
        place = {atom: number for number, atom in enumerate(others)}
        near = [sum(1 << place[other] for other in rivals[atom] & place.keys()) for atom in others]
        best, steps = _largest_with_one_more(near, best, steps)
    return best


def _rivals_still_there(rivals: Mapping[int, set[int]]) -> list[list[int]]:
    """Of each atom the rivals that are left when those of fewest rivals are taken away one by one."""
    num_left = {atom: len(others) for atom, others in rivals.items()}
    waiting = [(num, atom) for atom, num in num_left.items()]
    heapify(waiting)
    still_there = []
    while waiting:
        num, atom = heappop(waiting)
        if num_left.get(atom) != num:
            continue  # taken away, or waiting with a smaller number
        del num_left[atom]
        others = sorted(other for other in rivals[atom] if other in num_left)
        for other in others:
            num_left[other] -= 1
            heappush(waiting, (num_left[other], other))
        still_there.append(others)
    return still_there


def _largest_with_one_more(near: list[int], best: int, steps: int) -> tuple[int, int]:
    """The largest set of atoms all near each other, and one that is near all of them.

    Args:
        near: of each atom the others that are near it, as bits.
        best: int, a size known already.
        steps: int, how many may be taken.

    Returns:
        The size, or `best` if that is more; and the steps that are left.
    """
    # Each entry: size so far, atoms that are near all of these, the same coloured, and their colours.
    everyone = (1 << len(near)) - 1
    stack = [(1, everyone, *_coloured(everyone, near))]
    while stack and steps:
        size, atoms, order, colours = stack.pop()
        if not order or size + colours[-1] <= best:
            continue
        atom = order.pop()
        colours.pop()
        steps -= 1
        best = max(best, size + 1)
        stack.append((size, atoms & ~(1 << atom), order, colours))
        further = atoms & near[atom]
        stack.append((size + 1, further, *_coloured(further, near)))
    return best, steps


def _coloured(atoms: int, near: list[int]) -> tuple[list[int], list[int]]:
    """Atoms in groups of which no two are near: no set of near ones has more than their number."""
    order, colours, colour = [], [], 0
    while atoms:
        colour += 1
        free = atoms
        while free:
            lowest = free & -free
            atom = lowest.bit_length() - 1
            atoms ^= lowest
            free &= ~(lowest | near[atom])
            order.append(atom)
            colours.append(colour)
    return order, colours
