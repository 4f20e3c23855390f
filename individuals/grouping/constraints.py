"""What is known before embeddings are compared: rows that must be, or cannot be, one individual."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from inference.modalities import MODALITIES
from inference.threshold import pool, sum_within
from media.wording import some_problems

AT_MOST_SHOWN = 20


@dataclass(frozen=True, eq=False)
class Constraints:
    """Checked constraints on num rows, free of contradictions."""

    # int64 [num], numbers the tracklets; a row without one is a tracklet of its own
    tracklet_of: np.ndarray
    # int64 [num], numbers what tracklets and must-links tie together, from 0
    component_of: np.ndarray
    # int64 [pairs, 2], rows that can never be one individual: the caller's pairs, and all rows that
    # share a frame
    cannot_link: np.ndarray


def check_constraints(
    num: int,
    *,
    must_link: Iterable[tuple[int, int]] = (),
    cannot_link: Iterable[tuple[int, int]] = (),
    tracklets: Sequence[Hashable | None] | None = None,
    frames: Sequence[Hashable | None] | None = None,
) -> Constraints:
    """The constraints, as in `group_individuals`, or one message with every contradiction among them."""
    must, cannot = _pairs("must_link", must_link, num), _pairs("cannot_link", cannot_link, num)
    tracklet_of = _numbered("tracklets", tracklets, num)
    frame_of = _numbered("frames", frames, num)
    ties = np.concatenate([must, _pairs_with_first(tracklet_of)])
    graph = csr_array(coo_array((np.ones(len(ties)), (ties[:, 0], ties[:, 1])), shape=(num, num)))
    component_of = connected_components(graph, directed=False)[1].astype(np.int64)
    apart = np.concatenate([cannot, _pairs_within(frame_of)])
    contradictions = np.flatnonzero(component_of[apart[:, 0]] == component_of[apart[:, 1]])
    if len(contradictions):
        shown = [
            f"rows {first} and {second} must be apart "
            f"({'cannot_link' if number < len(cannot) else 'in one frame'}) "
            f"and together ({_tie(graph, first, second, tracklets)})"
            for number in contradictions[:AT_MOST_SHOWN].tolist()
            for first, second in [apart[number].tolist()]
        ]
        shown += [""] * (len(contradictions) - len(shown))  # only their number is told
        raise ValueError(
            f"The constraints contradict each other in {len(contradictions)} places; no grouping can honour "
            f"them. {some_problems(shown, AT_MOST_SHOWN)}. "
            "Remove one side of each (a wrong must_link or cannot_link, or split a tracklet that jumped to "
            "another animal)."
        )
    return Constraints(tracklet_of, component_of, apart)


@dataclass(frozen=True, eq=False)
class Atoms:
    """Parts that are never taken apart, each of one or more observations of one individual.

    An observation is a row, or a tracklet's rows pooled. Those tied by must-links make one atom.
    """

    observations: np.ndarray  # float [num_observations, size], unit length
    atom_of: np.ndarray  # int64 [num_observations], numbered from 0
    apart: np.ndarray  # int64 [pairs, 2], atoms that can never be one individual
    # int8 [num_observations], what each was made of, by its place in `MODALITIES`
    modality_of: np.ndarray

    def __len__(self) -> int:
        return len(self.sizes)

    @cached_property
    def sizes(self) -> np.ndarray:
        """Observations of each atom, int64 [num]."""
        return np.bincount(self.atom_of)

    @cached_property
    def sums(self) -> np.ndarray:
        """The sum of each atom's observations, float [num, size]."""
        return sum_within(self.observations, self.atom_of)


def pool_rows(
    embeddings: np.ndarray,
    constraints: Constraints,
    modality_of: np.ndarray,
    weights: np.ndarray | None = None,
) -> Atoms:
    """The atoms: rows of one tracklet and modality pooled by weight; atom i is component i."""
    pooled_by = constraints.tracklet_of * len(MODALITIES) + modality_of
    _, first_row, observation_of = np.unique(pooled_by, return_index=True, return_inverse=True)
    if len(first_row) == len(embeddings):  # nothing to pool
        first_row, observations = np.arange(len(embeddings)), embeddings
    else:
        weighted = embeddings if weights is None else embeddings * weights[:, np.newaxis]
        observations = pool(weighted, observation_of)
    apart = np.sort(constraints.component_of[constraints.cannot_link], axis=1)
    return Atoms(
        observations,
        constraints.component_of[first_row],
        np.unique(apart, axis=0),
        modality_of[first_row],
    )


def renamed(atoms: Atoms, name_of: np.ndarray) -> Atoms:
    """The same atoms under other numbers, and their observations in the order of these."""
    atom_of = name_of[atoms.atom_of]
    order = np.argsort(atom_of, kind="stable")
    return Atoms(
        atoms.observations[order], atom_of[order], name_of[atoms.apart], atoms.modality_of[order]
    )


def _pairs(name: str, pairs: Iterable[tuple[int, int]], num: int) -> np.ndarray:
    listed = [tuple(pair) for pair in pairs]
    wrong = [
        pair
        for pair in listed
        if len(pair) != 2
        or not all(isinstance(row, int | np.integer) and 0 <= row < num for row in pair)
    ]
    if wrong:
        raise ValueError(
            f"{name} must hold pairs of rows, int in 0 to {num - 1}; received {len(wrong)} others, the first "
            f"is {wrong[0]}."
        )
    return np.array(listed, dtype=np.int64).reshape(-1, 2)


def _numbered(name: str, values: Sequence[Hashable | None] | None, num: int) -> np.ndarray:
    """The values numbered by first appearance; each None gets a number of its own."""
    if values is None:
        return np.arange(num)
    if len(values) != num:
        raise ValueError(
            f"{name} must hold one value (or None) for each of the {num} rows, received {len(values)}."
        )
    numbers: dict[Hashable, int] = {}
    return np.array(
        [
            numbers.setdefault((row,) if value is None else (value, "given"), len(numbers))
            for row, value in enumerate(values)
        ],
        dtype=np.int64,
    )


def _pairs_with_first(numbers: np.ndarray) -> np.ndarray:
    """Pairs [n, 2] that tie each row to the first row of the same number."""
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    rows = np.arange(len(numbers))
    return np.stack([rows, first[inverse]], axis=1)[rows != first[inverse]]


def _pairs_within(numbers: np.ndarray) -> np.ndarray:
    """All pairs [n, 2] of rows of the same number, first < second."""
    if len(numbers) == 0:
        return np.empty((0, 2), dtype=np.int64)
    holds = coo_array((np.ones(len(numbers)), (np.arange(len(numbers)), numbers))).tocsr()
    first, second = coo_array(holds @ holds.T).coords
    pairs = np.stack([first, second], axis=1)[first < second].astype(np.int64)
    return pairs[np.lexsort(pairs.T[::-1])]


def _tie(
    graph: csr_array, first: int, second: int, tracklets: Sequence[Hashable | None] | None
) -> str:
    """What makes both one individual, in words."""
    if first == second:
        return "it is one row"
    named = None if tracklets is None else tracklets[first]
    if tracklets is not None and named is not None and named == tracklets[second]:
        return f"both are in the tracklet {named!r}"
    _, before = breadth_first_order(graph, first, directed=False)
    chain = [second]
    while chain[-1] != first:
        chain.append(int(before[chain[-1]]))
    return "linked " + ", ".join(f"{a}-{b}" for a, b in pairwise(reversed(chain)))
