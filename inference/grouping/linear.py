"""Groups compared by the mean over their pairs of an affine function of similarity: average linkage."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from inference.grouping.atoms import Atoms
from inference.grouping.merging import merge_nearest
from inference.modalities import MODALITIES, Modality, pair_pattern

PAIRS_AT_ONCE = 50_000
LARGE = 20_000  # atoms from which sums are kept in float32
ROUNDING = 1e-5  # of float32 products of unit vectors

Line = tuple[float, float]  # slope, intercept


class LinearGroups:
    """Groups whose affinity is the mean of `query · key` over their pairs of observations.

    A symmetric function `slope * similarity + intercept`, with another line for each pair of modalities,
    is such a product: the key holds the observation and a one in the place of its modality, the query
    the lines.

    Args:
        query_sums: float [num, size], summed over each group's observations. Changed in place.
        key_sums: float [num, size]; may be the same array.
        sizes: int [num], observations of each group. Changed in place.
        offset: float, taken away from every mean.
    """

    def __init__(
        self, query_sums: np.ndarray, key_sums: np.ndarray, sizes: np.ndarray, offset: float
    ) -> None:
        self.query_sums, self.key_sums = query_sums, key_sums
        self.sizes = sizes.astype(np.float64)
        self._offset = offset
        self._rounding = ROUNDING * max(1.0, self._longest(query_sums) * self._longest(key_sums))

    def affinity(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """The mean over all pairs across each two groups, less the offset."""
        found = np.empty(len(first))
        for start in range(0, len(first), PAIRS_AT_ONCE):
            a, b = first[start : start + PAIRS_AT_ONCE], second[start : start + PAIRS_AT_ONCE]
            # A pair is always multiplied in one order, so that both see the same number.
            low, high = np.minimum(a, b), np.maximum(a, b)
            products = np.einsum("ij,ij->i", self.query_sums[low], self.key_sums[high])
            found[start : start + PAIRS_AT_ONCE] = products / (self.sizes[a] * self.sizes[b])
        return found - self._offset

    def queries_and_keys(self, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The means of the groups: their product is the affinity, before the offset."""
        sizes = self.sizes[groups, np.newaxis]
        keys = _means(self.key_sums, groups, sizes)
        if self.query_sums is self.key_sums:
            return keys, keys
        return _means(self.query_sums, groups, sizes), keys

    def join(self, kept: np.ndarray, joined: np.ndarray) -> None:
        """Sums and sizes add up."""
        self.key_sums[kept] += self.key_sums[joined]
        if self.query_sums is not self.key_sums:
            self.query_sums[kept] += self.query_sums[joined]
        self.sizes[kept] += self.sizes[joined]

    def bound_of(self, products: np.ndarray) -> np.ndarray:
        """What a group outside of a list can have at most."""
        return products.astype(np.float64) - self._offset + self._rounding

    def _longest(self, sums: np.ndarray) -> float:
        """The length of the longest mean; joining never makes a longer one."""
        squares = np.einsum("ij,ij->i", sums, sums, dtype=np.float64) / self.sizes**2
        return float(np.sqrt(squares.max(initial=0.0)))


def link_by_similarity(atoms: Atoms, threshold: float) -> np.ndarray:
    """Average linkage of cosine similarity, down to a threshold, for any number of atoms.

    Args:
        atoms: what is grouped.
        threshold: float, mean cosine similarity; groups of at least that much become one.

    Returns:
        int64 [num_atoms], the group of each.
    """
    sums = _own_copy(atoms.sums, len(atoms))
    groups = LinearGroups(sums, sums, atoms.sizes, np.nextafter(threshold, -np.inf))
    return merge_nearest(groups, len(atoms), atoms.apart, bound_of=groups.bound_of)


def link_by_log_odds(atoms: Atoms, lines: Mapping[str, Line], threshold: float) -> np.ndarray:
    """Average linkage of calibrated log-odds, where embeddings of several modalities meet.

    Args:
        atoms: what is grouped.
        lines: pair pattern -> (slope, intercept) of its log-odds.
        threshold: float, mean log-odds; groups of at least that much become one.

    Returns:
        int64 [num_atoms], the group of each.

    Raises:
        ValueError: two modalities meet that have no line.
    """
    here = np.unique(atoms.modality_of)
    width = atoms.observations.shape[1] + 1
    keys = np.zeros((len(atoms), len(here) * width))
    queries = np.zeros_like(keys)
    for number, code in enumerate(here):
        rows = np.flatnonzero(atoms.modality_of == code)
        with_one = np.hstack([atoms.observations[rows], np.ones((len(rows), 1))])
        own = slice(number * width, (number + 1) * width)
        np.add.at(keys[:, own], atoms.atom_of[rows], with_one)
        for other_number, other_code in enumerate(here):
            slope, intercept = _line(lines, MODALITIES[code], MODALITIES[other_code])
            factors = np.append(np.full(width - 1, slope), intercept)
            other = slice(other_number * width, (other_number + 1) * width)
            np.add.at(queries[:, other], atoms.atom_of[rows], with_one * factors)
    groups = LinearGroups(queries, keys, atoms.sizes, np.nextafter(threshold, -np.inf))
    return merge_nearest(groups, len(atoms), atoms.apart, bound_of=groups.bound_of)


def _means(sums: np.ndarray, groups: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    means = sums[groups]
    means /= sizes
    return means.astype(np.float32, copy=False)


def _line(lines: Mapping[str, Line], first: Modality, second: Modality) -> Line:
    pattern = pair_pattern(first, second)
    if pattern not in lines:
        raise ValueError(
            f"Embeddings of {first} and {second} meet, but the calibration has no pattern {pattern!r}; it "
            f"has {', '.join(lines) or 'none'}. Calibrate with both, or group each modality on its own."
        )
    return lines[pattern]


def _own_copy(sums: np.ndarray, num: int) -> np.ndarray:
    return np.array(sums, np.float32 if num > LARGE else np.float64)
