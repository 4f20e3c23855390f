"""Groups with a score each, by sums of observations: what joining and moving gain is a difference."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import numpy as np

PAIRS_AT_ONCE = 50_000


class ScoredGroups(ABC):
    """Groups whose score depends on their sums alone; the total of all is to be as large as possible.

    Args:
        sums: float [num, size], of each group's observations. Changed in place.
        sizes: float [num], observations of each group.
        total: float [num], sum of the squared lengths of each group's observations.
        along: float [num, num_directions], `sums` along the directions that a score looks at one by one.
    """

    def __init__(
        self, sums: np.ndarray, sizes: np.ndarray, total: np.ndarray, along: np.ndarray
    ) -> None:
        self.sums, self.along = sums, along
        self.sizes, self.total = sizes.astype(np.float64), total.astype(np.float64)
        self.squares = np.einsum("ij,ij->i", sums, sums).astype(np.float64)
        self.score = self.score_of(self.sizes, self.along, self.squares, self.total)

    def __len__(self) -> int:
        return len(self.sizes)

    @abstractmethod
    def alike(self, sums: np.ndarray, sizes: np.ndarray, total: np.ndarray) -> Self:
        """Other groups, scored in the same way."""

    @abstractmethod
    def score_of(
        self, sizes: np.ndarray, along: np.ndarray, squares: np.ndarray, total: np.ndarray
    ) -> np.ndarray:
        """The score of groups given by their sums, float64 [num].

        Args:
            sizes: float [num].
            along: float [num, num_directions].
            squares: float [num], squared length of the sum.
            total: float [num], sum of squared lengths.
        """

    @abstractmethod
    def expected_centres(self, groups: np.ndarray) -> np.ndarray:
        """Unit vectors float32 [num, size], near each other for groups that are likely partners."""

    def queries_and_keys(self, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The expected centres, as both."""
        centres = self.expected_centres(groups)
        return centres, centres

    def affinity(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """What joining each two groups gains, float64 [num]."""
        found = np.empty(len(first))
        for start in range(0, len(first), PAIRS_AT_ONCE):
            a, b = first[start : start + PAIRS_AT_ONCE], second[start : start + PAIRS_AT_ONCE]
            a, b = np.minimum(a, b), np.maximum(a, b)  # so that both see the same number
            product = np.einsum("ij,ij->i", self.sums[a], self.sums[b])
            joined = self.score_of(
                self.sizes[a] + self.sizes[b],
                self.along[a] + self.along[b],
                self.squares[a] + self.squares[b] + 2 * product,
                self.total[a] + self.total[b],
            )
            found[start : start + PAIRS_AT_ONCE] = joined - (self.score[a] + self.score[b])
        return found

    def join(self, kept: np.ndarray, joined: np.ndarray) -> None:
        """Each group of `kept` takes over its partner in `joined`: sums add up."""
        products = np.einsum("ij,ij->i", self.sums[kept], self.sums[joined])
        self.squares[kept] += self.squares[joined] + 2 * products
        for values in (self.sums, self.along, self.sizes, self.total):
            values[kept] += values[joined]
        self.score[kept] = self.score_of(
            self.sizes[kept], self.along[kept], self.squares[kept], self.total[kept]
        )
