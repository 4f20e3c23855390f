"""Groups scored by their pairs: by how far the similarities within are above a threshold, in sum."""

from __future__ import annotations

from typing import Self

import numpy as np

from inference.grouping.atoms import Atoms
from inference.grouping.scored import ScoredGroups


class PairGroups(ScoredGroups):
    """Groups whose score is the sum of `similarity - threshold` over their pairs of observations.

    With a calibration, whose log-odds are a line in the similarity, that is the total log-odds of all pairs
    within, in units of the slope, where the threshold is the similarity of log-odds 0.

    Args:
        threshold: float.
        sums, sizes, total: as in `ScoredGroups`.
    """

    def __init__(
        self, threshold: float, sums: np.ndarray, sizes: np.ndarray, total: np.ndarray
    ) -> None:
        self.threshold = threshold
        super().__init__(sums, sizes, total, np.zeros((len(sizes), 0)))

    @classmethod
    def of_atoms(cls, atoms: Atoms, threshold: float) -> PairGroups:
        """Each atom as a group of its own."""
        sums = np.array(atoms.sums)
        return cls(threshold, sums, atoms.sizes, atoms.sizes)

    def alike(self, sums: np.ndarray, sizes: np.ndarray, total: np.ndarray) -> Self:
        """Other groups with the same threshold."""
        return type(self)(self.threshold, sums, sizes, total)

    def score_of(
        self, sizes: np.ndarray, along: np.ndarray, squares: np.ndarray, total: np.ndarray
    ) -> np.ndarray:
        """The sum over the pairs within each group, float64 [num]."""
        return (squares - total - self.threshold * sizes * (sizes - 1)) / 2

    def expected_centres(self, groups: np.ndarray) -> np.ndarray:
        """The mean directions."""
        lengths = np.sqrt(self.squares[groups])[:, np.newaxis]
        return (self.sums[groups] / np.where(lengths > 0, lengths, 1)).astype(np.float32)
