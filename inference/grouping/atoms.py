"""What is grouped: rows that are known to be one individual, pooled, and what must stay apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from inference.constraints import Constraints


@dataclass(frozen=True, eq=False)
class Atoms:
    """Parts that are never taken apart, each of one or more observations of one individual.

    An observation is a row, or a tracklet's rows pooled into their mean direction. Observations that are tied
    together (by must-links) make one atom.

    Attributes:
        observations: float [num_observations, size], unit length.
        atom_of: int64 [num_observations], numbered from 0.
        apart: int64 [pairs, 2], atoms that can never be one individual.
    """

    observations: np.ndarray
    atom_of: np.ndarray
    apart: np.ndarray

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
    embeddings: np.ndarray, constraints: Constraints, weights: np.ndarray | None = None
) -> Atoms:
    """The atoms of these rows; atom i is the component i of the constraints.

    Args:
        embeddings: float [num, size], unit length.
        constraints: of the same rows.
        weights: float [num] > 0, how much a row counts within its tracklet; None: all alike.
    """
    weighted = embeddings if weights is None else embeddings * weights[:, np.newaxis]
    observations = pool(weighted, constraints.tracklet_of)
    if weights is not None and observations is weighted:  # every row is a tracklet of its own
        observations = embeddings
    _, first_row = np.unique(constraints.tracklet_of, return_index=True)
    apart = np.sort(constraints.component_of[constraints.cannot_link], axis=1)
    return Atoms(observations, constraints.component_of[first_row], np.unique(apart, axis=0))


def sum_within(vectors: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The sum of each group's vectors, [num_groups, size]; the same in any order of the rows.

    Where each row is a group of its own, in order, these are the vectors themselves, not a copy.
    """
    num_groups = int(groups.max(initial=-1)) + 1
    if num_groups == len(groups) and np.array_equal(groups, np.arange(num_groups)):
        return vectors
    sums = np.zeros((num_groups, vectors.shape[1]), vectors.dtype)
    order = np.lexsort((*vectors.T[::-1], groups))
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    if len(starts):
        sums[groups[order][starts]] = np.add.reduceat(vectors[order], starts, axis=0)
    return sums


def pool(vectors: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The mean direction of each group, [num_groups, size]; 0 where its vectors cancel out."""
    sums = sum_within(vectors, groups)
    if sums is vectors:
        return vectors
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return sums / np.where(lengths > 0, lengths, 1)


def number_by_first_appearance(labels: np.ndarray) -> np.ndarray:
    """The same grouping, int32 [num], with groups numbered from 0 in the order in which they first appear."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int32)
