"""Pairs of groups that must never become one, kept up to date while groups grow."""

from __future__ import annotations

import numpy as np


class Forbidden:
    """Which groups must stay apart, asked for many pairs at once.

    Args:
        pairs: int64 [pairs, 2], groups that must stay apart.
        num: int, how many groups there are.
    """

    def __init__(self, pairs: np.ndarray, num: int) -> None:
        self._num = num
        self._pairs = pairs
        self._keys = self._keys_of(pairs[:, 0], pairs[:, 1])

    def __len__(self) -> int:
        return len(self._keys)

    def holds(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """For each pair whether it is forbidden, bool of the shape of both."""
        if not len(self._keys):
            return np.zeros(np.broadcast_shapes(np.shape(first), np.shape(second)), bool)
        low, high = np.minimum(first, second), np.maximum(first, second)
        wanted = low.astype(np.int64) * self._num + high
        at = np.searchsorted(self._keys, wanted).clip(max=len(self._keys) - 1)
        return self._keys[at] == wanted

    def after(self, group_of: np.ndarray) -> Forbidden:
        """The same with groups renamed: group i is now `group_of[i]`."""
        if not len(self._pairs):
            return self
        pairs = np.unique(np.sort(group_of[self._pairs], axis=1), axis=0)
        return Forbidden(pairs, self._num)

    def _keys_of(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        low, high = np.minimum(first, second), np.maximum(first, second)
        return np.unique(low.astype(np.int64) * self._num + high)
