"""What is grouped: rows that are known to be one individual, pooled, and what must stay apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from inference.constraints import Constraints
from inference.modalities import MODALITIES

LEAST_LENGTH = 1e-6  # a shorter sum is rounding, and no direction


@dataclass(frozen=True, eq=False)
class Atoms:
    """Parts that are never taken apart, each of one or more observations of one individual.

    An observation is a row, or a tracklet's rows pooled into their mean direction. Observations that are tied
    together (by must-links) make one atom.

    Attributes:
        observations: float [num_observations, size], unit length.
        atom_of: int64 [num_observations], numbered from 0.
        apart: int64 [pairs, 2], atoms that can never be one individual.
        modality_of: int8 [num_observations], what each was made of, by its place in `MODALITIES`.
    """

    observations: np.ndarray
    atom_of: np.ndarray
    apart: np.ndarray
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


def lone_atoms(observations: np.ndarray) -> Atoms:
    """Each observation as an atom, all of one modality, with no constraints."""
    num = len(observations)
    return Atoms(observations, np.arange(num), np.empty((0, 2), np.int64), np.zeros(num, np.int8))


def pool_rows(
    embeddings: np.ndarray,
    constraints: Constraints,
    modality_of: np.ndarray,
    weights: np.ndarray | None = None,
) -> Atoms:
    """The atoms of these rows; atom i is the component i of the constraints.

    Args:
        embeddings: float [num, size], unit length.
        constraints: of the same rows.
        modality_of: int8 [num]; rows of one tracklet are pooled within each modality.
        weights: float [num] > 0, how much a row counts within its tracklet; None: all alike.
    """
    pooled_by = constraints.tracklet_of * len(MODALITIES) + modality_of
    _, first_row, observation_of = np.unique(pooled_by, return_index=True, return_inverse=True)
    if len(first_row) == len(embeddings):  # nothing to pool
        first_row = observation_of = np.arange(len(embeddings))
        observations = embeddings
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
    """The same atoms under other numbers, and their observations in the order of these.

    Args:
        atoms: any.
        name_of: int64 [num], the new number of each atom.
    """
    atom_of = name_of[atoms.atom_of]
    order = np.argsort(atom_of, kind="stable")
    if np.array_equal(order, np.arange(len(order))):
        return Atoms(atoms.observations, atom_of, name_of[atoms.apart], atoms.modality_of)
    return Atoms(
        atoms.observations[order], atom_of[order], name_of[atoms.apart], atoms.modality_of[order]
    )


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
    return np.where(lengths > LEAST_LENGTH, sums / np.maximum(lengths, LEAST_LENGTH), 0)


def number_by_first_appearance(labels: np.ndarray) -> np.ndarray:
    """The same grouping, int32 [num], with groups numbered from 0 in the order in which they first appear."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int32)
