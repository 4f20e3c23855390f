"""Groups grow together: always two that are each other's nearest, in time that suits many groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from inference.grouping.forbidden import Forbidden
from inference.grouping.neighbours import nearest_keys

NEIGHBOURS = 12


class MergingGroups(Protocol):
    """Groups that can be compared and joined; all arrays are indexed by the group's number."""

    def affinity(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """How much speaks for each two groups being one, float64; at most 0: nothing does."""

    def queries_and_keys(self, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Vectors float32 [num, size] whose inner product, query with key, finds likely partners."""

    def join(self, kept: np.ndarray, joined: np.ndarray) -> None:
        """Each group of `kept` takes over its partner in `joined`."""


def merge_nearest(
    groups: MergingGroups,
    num: int,
    apart: np.ndarray,
    *,
    bound_of: Callable[[np.ndarray], np.ndarray] | None = None,
    num_neighbours: int = NEIGHBOURS,
) -> np.ndarray:
    """Join groups that are each other's nearest, until nothing speaks for any two being one.

    Each group keeps a list of its nearest groups. In every round all pairs of groups that are each other's
    best partners become one, and those whose best partner was joined look at their list again. Where
    `bound_of` says what a group outside the list can have at most (for average linkage, since merges of
    others never make two groups more alike), a group whose list falls below it waits until lists are made
    anew; then the result is that of always joining the best pair of all, up to ties and up to what
    `nearest_keys` misses.

    Args:
        groups: what is compared and joined.
        num: int, how many groups there are.
        apart: int64 [pairs, 2], groups that must never become one; refused at every step.
        bound_of: from the smallest inner products of the lists, float32 [rows], the largest affinity that a
            group outside of them can have; None: lists are taken as complete.
        num_neighbours: int >= 1, length of the lists.

    Returns:
        int64 [num], the group that each one became part of (its own number if none).
    """
    merger = _Merger(groups, num, apart, bound_of, num_neighbours)
    while merger.make_lists():
        while merger.join_mutual_best():
            pass
    return merger.root_of(np.arange(num))


class _Merger:
    def __init__(
        self,
        groups: MergingGroups,
        num: int,
        apart: np.ndarray,
        bound_of: Callable[[np.ndarray], np.ndarray] | None,
        num_neighbours: int,
    ) -> None:
        self._groups, self._bound_of = groups, bound_of
        self._forbidden = Forbidden(apart, num)
        self._num = num
        self._k = num_neighbours
        self._into = np.arange(num)  # where a joined group went
        self._is_open = np.ones(num, bool)  # alive, and something may still speak for a partner
        self._lists = np.full((num, num_neighbours), -1, np.int64)
        self._bounds = np.full(num, np.inf)
        self._best = np.full(num, -1, np.int64)
        self._affinity = np.full(num, -np.inf)
        self._is_stale = np.ones(num, bool)

    def root_of(self, groups: np.ndarray) -> np.ndarray:
        """The groups that these became part of; -1 stays -1."""
        found = np.where(groups < 0, -1, self._into[groups])
        while not np.array_equal(further := np.where(found < 0, -1, self._into[found]), found):
            found = further
        return found

    def make_lists(self) -> bool:
        """Lists for the groups that need them; False where no group can have a partner any more."""
        alive = np.flatnonzero(self._is_open)
        asking = np.flatnonzero(self._is_open & self._is_stale)
        if not len(asking) or len(alive) < 2:
            return False
        queries, keys = self._groups.queries_and_keys(alive)
        waiting, k = asking, min(self._k, len(alive) - 1)
        while len(waiting):
            place = np.searchsorted(alive, waiting)
            found, products = nearest_keys(queries[place], keys, k, place)
            partners = np.where(found < 0, -1, alive[found])
            is_free = (partners >= 0) & ~self._forbidden.holds(waiting[:, np.newaxis], partners)
            shows_all = k == len(alive) - 1
            # All near ones may be forbidden (a flock in one frame): those look further.
            is_settled = is_free.any(axis=1) | shows_all
            self._keep_lists(
                waiting[is_settled],
                partners[is_settled],
                products[is_settled],
                is_free[is_settled],
                shows_all,
            )
            waiting, k = waiting[~is_settled], min(4 * k, len(alive) - 1)
        self._look_again(asking)
        # A new list holds the best partner there is, whatever equals it outside.
        self._is_stale[asking] = False
        return bool(self._is_open.any())

    def _keep_lists(
        self,
        groups: np.ndarray,
        partners: np.ndarray,
        products: np.ndarray,
        is_free: np.ndarray,
        shows_all: bool,
    ) -> None:
        """The nearest partners that are free, and what those outside of the list can have at most."""
        order = np.argsort(~is_free, axis=1, kind="stable")[:, : self._k]
        self._lists[groups] = -1
        self._lists[groups, : order.shape[1]] = np.take_along_axis(
            np.where(is_free, partners, -1), order, axis=1
        )
        self._bounds[groups] = -np.inf
        if self._bound_of is not None:
            last_kept = np.take_along_axis(products, order[:, -1:], axis=1)[:, 0]
            left_out = is_free.sum(axis=1) > self._k
            not_found = np.full(len(groups), -np.inf) if shows_all else products[:, -1]
            self._bounds[groups] = self._bound_of(np.where(left_out, last_kept, not_found))

    def join_mutual_best(self) -> bool:
        """One round; False where nothing could be joined without new lists."""
        ready = np.flatnonzero(self._is_open & ~self._is_stale & (self._affinity > 0))
        best = self._best[ready]
        is_lost = ~self._is_open[best]
        if is_lost.any():  # a list that missed somebody: the partner found nothing and was closed
            self._look_again(ready[is_lost])
            return True
        is_mutual = ~self._is_stale[best] & (self._affinity[best] <= self._affinity[ready])
        kept = _disjoint(ready[is_mutual], best[is_mutual], self._num)
        if not len(kept):
            return False
        joined = self._best[kept]
        self._groups.join(kept, joined)
        self._into[joined] = kept
        self._is_open[joined] = False
        if len(self._forbidden):
            self._forbidden = self._forbidden.after(self.root_of(np.arange(self._num)))
        self._join_lists(kept, joined)
        changed = np.zeros(self._num + 1, bool)
        changed[kept] = changed[joined] = True
        is_affected = self._is_open & (changed[self._best] | changed[: self._num])
        self._look_again(np.flatnonzero(is_affected & ~self._is_stale))
        return True

    def _join_lists(self, kept: np.ndarray, joined: np.ndarray) -> None:
        """The nearest of both lists; what no longer fits raises the bound of what is outside."""
        both = np.concatenate([self._lists[kept], self._lists[joined]], axis=1)
        partners, affinities = self._compared(kept, both)
        order = np.argsort(-affinities, axis=1, kind="stable")
        affinities = np.take_along_axis(affinities, order, axis=1)
        self._lists[kept] = np.take_along_axis(partners, order, axis=1)[:, : self._k]
        self._bounds[kept] = np.maximum(self._bounds[kept], self._bounds[joined])
        if self._bound_of is not None:
            self._bounds[kept] = np.maximum(self._bounds[kept], affinities[:, self._k])

    def _look_again(self, groups: np.ndarray) -> None:
        """The best partner of each of these groups among its list."""
        if not len(groups):
            return
        partners, affinities = self._compared(groups, self._lists[groups])
        self._lists[groups] = partners
        at = np.argmax(affinities, axis=1)
        each = np.arange(len(groups))
        self._best[groups], self._affinity[groups] = partners[each, at], affinities[each, at]
        may_be_better_outside = self._bounds[groups] > np.maximum(self._affinity[groups], 0)
        self._is_stale[groups] = may_be_better_outside
        is_done = (self._affinity[groups] <= 0) & ~may_be_better_outside
        if self._bound_of is not None:
            self._is_open[groups[is_done]] = False  # merges of others can only make it less alike

    def _compared(self, groups: np.ndarray, listed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the listed groups have become, and how much speaks for each; else -1 and -inf."""
        partners = self.root_of(listed)
        rows = np.broadcast_to(groups[:, np.newaxis], partners.shape)
        is_free = (partners >= 0) & (partners != rows) & self._is_open[partners]
        is_free &= ~self._forbidden.holds(rows, partners)
        partners = np.where(is_free, partners, -1)
        ordered = np.sort(partners, axis=1)
        if (ordered[:, 1:] == ordered[:, :-1]).any():
            is_free &= ~_stands_before(partners)
            partners = np.where(is_free, partners, -1)
        affinities = np.full(partners.shape, -np.inf)
        affinities[is_free] = self._groups.affinity(rows[is_free], partners[is_free])
        return partners, affinities


def _disjoint(first: np.ndarray, second: np.ndarray, num: int) -> np.ndarray:
    """Those of `first` whose pairs have no member in an earlier pair; equal affinities make such chains."""
    rank = np.arange(len(first))
    earliest = np.full(num, len(first))
    np.minimum.at(earliest, first, rank)
    np.minimum.at(earliest, second, rank)
    return first[(earliest[first] == rank) & (earliest[second] == rank)]


def _stands_before(values: np.ndarray) -> np.ndarray:
    """Whether each value stands further left in its row already, bool of the same shape."""
    order = np.argsort(values, axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=1)
    repeats = np.zeros(values.shape, bool)
    repeats[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
    found = np.empty_like(repeats)
    np.put_along_axis(found, order, repeats, axis=1)
    return found
