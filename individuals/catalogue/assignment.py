"""Who is who when several animals are seen together: the best names that no two of them share."""

from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linear_sum_assignment, milp
from scipy.sparse import coo_array

NOBODY = -1


@dataclass(frozen=True, eq=False)
class Assignment:
    """Names for some queries."""

    chosen: np.ndarray  # int [num], the column that each query was given; -1 for none
    # float [num], by how much the total of the best assignment in which this query has its name beats
    # the best one in which it has another, or in which its name goes to one that was seen beside it.
    # Infinite where there is no such other
    gap: np.ndarray


def assign_names(gains: np.ndarray, apart: Sequence[tuple[int, int]]) -> Assignment:
    """The names of highest total gain, such that no two queries that were seen together share one.

    Queries that are all in one frame make an assignment problem (Hungarian algorithm). Where frames overlap
    along tracklets, two queries that were never seen together may share a name though a third was seen with
    both: that is solved exactly as an integer program.

    Args:
        gains: float [num, num_names]; a name is possible where it is above 0.
        apart: pairs of queries that are different animals.
    Reference:
        Kuhn, The Hungarian method for the assignment problem, 1955.
    """
    gains = np.where(gains > 0, gains, 0.0)
    rivals = nx.Graph()
    rivals.add_nodes_from(range(len(gains)))
    rivals.add_edges_from((a, b) for a, b in apart if (gains[a] * gains[b]).any())
    chosen, gap = np.full(len(gains), NOBODY), np.full(len(gains), np.inf)
    for members in map(sorted, nx.connected_components(rivals)):
        picked = _best(gains, members, rivals)
        total = _total(gains, picked)
        for query, name in picked.items():
            chosen[query] = name
            others = [
                _total_if(gains, members, rivals, query, other)
                for other in np.flatnonzero(gains[query]).tolist()
                if other != name
            ]
            others += [
                _total_if(gains, members, rivals, rival, name)
                for rival in rivals[query]
                if gains[rival, name]
            ]
            gap[query] = total - max(others, default=-np.inf)
    return Assignment(chosen, gap)


def _total_if(
    gains: np.ndarray, members: list[int], rivals: nx.Graph, query: int, name: int
) -> float:
    """The best total in which this query has this name."""
    left = gains.copy()
    left[list(rivals[query]), name] = 0
    others = [member for member in members if member != query]
    return float(gains[query, name]) + _total(left, _best(left, others, rivals))


def _total(gains: np.ndarray, picked: dict[int, int]) -> float:
    return sum(float(gains[query, name]) for query, name in picked.items())


def _best(gains: np.ndarray, members: list[int], rivals: nx.Graph) -> dict[int, int]:
    """Query -> name of highest total gain among these queries."""
    names = np.flatnonzero(gains[members].any(axis=0))
    table = gains[members][:, names]
    among = rivals.subgraph(members)
    if not len(names):
        return {}
    if len(members) == 1:
        places = [(0, int(np.argmax(table[0])))]
    elif among.number_of_edges() == len(members) * (len(members) - 1) // 2:  # all with all
        places = list(zip(*linear_sum_assignment(table, maximize=True), strict=True))
    else:
        places = _solve(table, nx.relabel_nodes(among, {m: q for q, m in enumerate(members)}))
    return {members[q]: int(names[n]) for q, n in places if table[q, n] > 0}


def _solve(table: np.ndarray, rivals: nx.Graph) -> list[tuple[int, int]]:
    """The best names as an integer program: one variable for each possible name of each query."""
    queries, names = np.nonzero(table)
    rules = [
        np.flatnonzero(queries == query) for query in range(len(table))
    ]  # at most one of these
    for one, other in rivals.edges:
        of_both = np.flatnonzero((queries == one) | (queries == other))
        rules += [of_both[names[of_both] == name] for name in np.unique(names[of_both])]
    rows = np.repeat(np.arange(len(rules)), [len(rule) for rule in rules])
    columns = np.concatenate(rules)
    at_most_one = coo_array((np.ones(len(rows)), (rows, columns)), shape=(len(rules), len(queries)))
    result = milp(
        -table[queries, names],
        integrality=np.ones(len(queries)),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(at_most_one.tocsr(), -np.inf, 1),
    )
    if result.x is None:
        raise ValueError(
            f"No names could be assigned to {len(table)} tracklets that were seen together "
            f"({result.message}). Identify fewer at once, or raise known_above."
        )
    taken = np.flatnonzero(result.x > 0.5)
    return list(zip(queries[taken].tolist(), names[taken].tolist(), strict=True))
