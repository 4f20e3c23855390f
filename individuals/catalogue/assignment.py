"""Who is who when several animals are seen together: the best names that no two of them share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linear_sum_assignment, milp
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

NOBODY = -1


@dataclass(frozen=True, eq=False)
class Assignment:
    """Names for some queries.

    Attributes:
        chosen: int [num], the column that each query was given; -1 for none.
        gap: float [num], by how much the total of the best assignment in which this query has its name beats
            the best one in which it has another, or in which its name goes to one that was seen beside it.
            Infinite where there is no such other.
    """

    chosen: np.ndarray
    gap: np.ndarray


def assign_names(gains: np.ndarray, apart: Sequence[tuple[int, int]]) -> Assignment:
    """The names of highest total gain, such that no two queries that were seen together share one.

    Queries that are all in one frame make an assignment problem (Hungarian algorithm). Where frames overlap
    along tracklets, two queries that were never seen together may share a name though a third was seen with
    both: that is solved exactly as an integer program.

    Args:
        gains: float [num, num_names]; a name is possible where it is above 0.
        apart: pairs of queries that are different animals.

    Returns:
        `Assignment`.

    Reference:
        Kuhn, The Hungarian method for the assignment problem, 1955.
    """
    gains = np.where(gains > 0, gains, 0.0)
    num = len(gains)
    chosen, gap = np.full(num, NOBODY), np.full(num, np.inf)
    neighbours = _rivals(gains, apart)
    for members in _components(num, neighbours):
        picked = _best(gains, members, neighbours)
        for query, name in picked.items():
            chosen[query] = name
        total = _total(gains, picked)
        for query, name in picked.items():
            others = [
                _with(gains, members, neighbours, query, n) for n in _names(gains, query, name)
            ]
            others += [
                _with(gains, members, neighbours, rival, name)
                for rival in neighbours[query]
                if gains[rival, name] > 0
            ]
            gap[query] = total - max(others, default=-np.inf)
    return Assignment(chosen, gap)


def _rivals(gains: np.ndarray, apart: Sequence[tuple[int, int]]) -> list[set[int]]:
    """For each query those that were seen with it and could have one of its names."""
    neighbours: list[set[int]] = [set() for _ in gains]
    for first, second in apart:
        if ((gains[first] > 0) & (gains[second] > 0)).any():
            neighbours[first].add(second)
            neighbours[second].add(first)
    return neighbours


def _components(num: int, neighbours: Sequence[set[int]]) -> Iterator[list[int]]:
    edges = [(query, rival) for query in range(num) for rival in neighbours[query]]
    rows, columns = np.array(edges, dtype=int).reshape(-1, 2).T
    graph = coo_array((np.ones(len(edges)), (rows, columns)), shape=(num, num))
    numbers = connected_components(graph, directed=False)[1] if num else np.empty(0, int)
    order = np.argsort(numbers, kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1):
        if len(part):
            yield part.tolist()


def _names(gains: np.ndarray, query: int, but: int) -> list[int]:
    return [name for name in np.flatnonzero(gains[query]).tolist() if name != but]


def _with(
    gains: np.ndarray, members: list[int], neighbours: list[set[int]], query: int, name: int
) -> float:
    """The best total in which this query has this name."""
    left = gains.copy()
    left[list(neighbours[query]), name] = 0
    others = [member for member in members if member != query]
    return float(gains[query, name]) + _total(left, _best(left, others, neighbours))


def _total(gains: np.ndarray, picked: dict[int, int]) -> float:
    return sum(float(gains[query, name]) for query, name in picked.items())


def _best(gains: np.ndarray, members: list[int], neighbours: list[set[int]]) -> dict[int, int]:
    """Query -> name of highest total gain among these queries."""
    names = np.flatnonzero(gains[members].any(axis=0))
    table = gains[members][:, names]
    within = set(members)
    if len(members) == 1:
        places = [(0, int(np.argmax(table[0])))] if len(names) else []
    elif all(len(neighbours[query] & within) == len(members) - 1 for query in members):
        places = list(zip(*linear_sum_assignment(table, maximize=True), strict=True))
    else:
        places = _solve(table, members, neighbours)
    return {members[q]: int(names[n]) for q, n in places if table[q, n] > 0}


def _solve(
    table: np.ndarray, members: list[int], neighbours: list[set[int]]
) -> list[tuple[int, int]]:
    queries, names = np.nonzero(table)
    if len(queries) == 0:
        return []
    variable = {
        pair: v for v, pair in enumerate(zip(queries.tolist(), names.tolist(), strict=True))
    }
    place = {query: q for q, query in enumerate(members)}
    rules = [np.flatnonzero(queries == q).tolist() for q in range(len(members))]
    for first, second in (
        (q, place[r]) for q, m in enumerate(members) for r in neighbours[m] if r in place
    ):
        if first < second:
            shared = np.flatnonzero((table[first] > 0) & (table[second] > 0)).tolist()
            rules += [[variable[first, name], variable[second, name]] for name in shared]
    entries = [(rule, v) for rule, variables in enumerate(rules) for v in variables]
    rows, columns = np.array(entries).T
    at_most_one = coo_array(
        (np.ones(len(entries)), (rows, columns)), shape=(len(rules), len(queries))
    )
    result = milp(
        -table[queries, names],
        integrality=np.ones(len(queries)),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(at_most_one.tocsr(), -np.inf, 1),
    )
    if result.x is None:
        raise ValueError(
            f"No names could be assigned to {len(members)} tracklets that were seen together "
            f"({result.message}). Identify fewer at once, or raise known_above."
        )
    taken = np.flatnonzero(result.x > 0.5)
    return [(int(queries[v]), int(names[v])) for v in taken]
