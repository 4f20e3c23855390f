"""What is grouped: rows that are known to be one individual, pooled, and what must stay apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from individuals.grouping.constraints import Constraints
from inference.modalities import MODALITIES
from inference.threshold import pool, sum_within


@dataclass(frozen=True, eq=False)
class Atoms:
    """Parts that are never taken apart, each of one or more observations of one individual.

    An observation is a row, or a tracklet's rows pooled. Those tied by must-links make one atom.

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
