"""Pooling: several views of one animal become one observation, their mean direction."""

from collections.abc import Hashable, Sequence

import numpy as np

LEAST_LENGTH = 1e-6  # a shorter sum is rounding, and no direction


def pool(vectors: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The mean direction of each group, [num_groups, size]; 0 where its vectors cancel out."""
    sums = sum_within(vectors, groups)
    if sums is vectors:
        return vectors
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.where(lengths > LEAST_LENGTH, sums / np.maximum(lengths, LEAST_LENGTH), 0)


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


def observations_of_known(
    embeddings: np.ndarray,
    individuals: Sequence[Hashable] | np.ndarray,
    sources: Sequence[Hashable] | np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """One observation for each known individual in each source; arguments as in `suggest_threshold`.

    Returns:
        float64 [num_observations, size], unit length; and the individual of each, int64, numbered from 0.
    Raises:
        ValueError: lengths that do not fit; fewer than two individuals; no individual in two sources.
    """
    num = len(embeddings)
    given = np.arange(num) if sources is None else sources
    if len(individuals) != num or len(given) != num:
        raise ValueError(
            f"labels and sources must hold one value for each of the {num} embeddings, received "
            f"{len(individuals)} labels and {len(given)} sources."
        )
    individual_of = np.unique(np.asarray(individuals), return_inverse=True)[1]
    source_of = np.unique(np.asarray(given), return_inverse=True)[1]
    both, observation_of = np.unique(
        np.stack([individual_of, source_of]), axis=1, return_inverse=True
    )
    num_sources = np.bincount(both[0], minlength=1)
    if len(num_sources) < 2 or num_sources.max() < 2:
        raise ValueError(
            "A threshold needs at least two individuals, one of them in two sources; received "
            f"{len(num_sources) if num else 0} individuals, the most often seen in {num_sources.max()} "
            "sources. Label more recordings or photos."
        )
    return pool(embeddings, observation_of.reshape(-1)), both[0]
