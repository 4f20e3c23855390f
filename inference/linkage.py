"""Average linkage under constraints: groups grow together, always two that are each other's nearest."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from inference.nearest_keys import nearest_keys

NUM_NEIGHBOURS = 12  # kept of each group
ROUNDING = 1e-5  # of float32 products of unit vectors
PAIRS_AT_ONCE = 50_000
NONE_APART = np.empty((0, 2), np.int64)


@dataclass(frozen=True, eq=False)
class Merges:
    """Which groups became one, most similar first."""

    num: int  # groups to begin with
    first: np.ndarray  # int64 [num_merges], any member of the one group
    second: np.ndarray  # and of the other
    similarity: np.ndarray  # float64 [num_merges], mean over the pairs across both

    def labels(self) -> np.ndarray:
        """The group of each member after all merges, int [num], numbered from 0."""
        links = coo_array(
            (np.ones(len(self.first), bool), (self.first, self.second)), (self.num,) * 2
        )
        return connected_components(links, directed=False)[1]


def average_linkage(
    sums: np.ndarray,
    sizes: np.ndarray,
    threshold: float,
    apart: np.ndarray = NONE_APART,
    *,
    query_sums: np.ndarray | None = None,
    num_neighbours: int = NUM_NEIGHBOURS,
) -> Merges:
    """Join the two groups of highest mean similarity, again and again, down to a threshold.

    Each group keeps a list of its nearest groups. In every round all pairs that are each other's nearest
    become one; as joining others never makes two groups more similar, this gives what joining the single
    best pair at a time gives. Lists are made anew once something outside of them may be nearer. Exact up
    to 30,000 groups; above, with faiss, a nearest group may be missed.

    Args:
        sums: float [num, size], the sum of the unit vectors of each group.
        sizes: int [num], how many vectors these are.
        threshold: float; groups of at least this mean similarity become one.
        apart: int64 [pairs, 2], groups that must never become one.
        query_sums: float [num, size], the other side of a similarity that is not the cosine: that of two
            vectors is then `query @ key`, which must be symmetric. None: the same as `sums`.
        num_neighbours: int >= 1, length of the lists.

    Reference:
        Murtagh and Contreras, Algorithms for hierarchical clustering: an overview, 2012,
        https://doi.org/10.1002/widm.53 (reciprocal nearest neighbours).
    """
    keys = np.array(sums)
    queries = keys if query_sums is None else np.array(query_sums)
    linkage = _Linkage(queries, keys, sizes, apart, threshold, num_neighbours)
    while linkage.make_lists():
        while linkage.join_nearest():
            pass
    return linkage.merges()


class _Linkage:
    def __init__(
        self,
        queries: np.ndarray,
        keys: np.ndarray,
        sizes: np.ndarray,
        apart: np.ndarray,
        threshold: float,
        num_neighbours: int,
    ) -> None:
        num = len(sizes)
        self._queries, self._keys, self._sizes = queries, keys, sizes.astype(np.float64)
        self._rounding = ROUNDING * max(1.0, self._longest(queries) * self._longest(keys))
        self._num, self._k, self._threshold = num, num_neighbours, threshold
        self._merges: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._into = np.arange(num)  # where a joined group went
        self._is_open = np.ones(num, bool)  # still there, and may have a partner
        self._lists = np.full((num, num_neighbours), -1, np.int64)
        self._bounds = np.full(num, np.inf)  # the most that a group outside of the list can have
        self._nearest = np.full(num, -1, np.int64)
        self._similarity = np.full(num, -np.inf)
        self._is_stale = np.ones(num, bool)  # a group outside of the list may be nearer
        self._apart = apart
        self._apart_keys = np.unique(self._pair_keys(apart[:, 0], apart[:, 1]))

    def merges(self) -> Merges:
        """All of them, most similar first."""
        empty = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
        first, second, similarity = map(np.concatenate, zip(empty, *self._merges, strict=True))
        order = np.argsort(-similarity, kind="stable")
        return Merges(self._num, first[order], second[order], similarity[order])

    def make_lists(self) -> bool:
        """Lists for the groups that need them; False where no group can have a partner any more."""
        there = np.flatnonzero(self._is_open)
        asking = np.flatnonzero(self._is_open & self._is_stale)
        if not len(asking) or len(there) < 2:
            return False
        keys = self._means(self._keys, there)
        queries = keys if self._queries is self._keys else self._means(self._queries, there)
        waiting, k = asking, min(self._k, len(there) - 1)
        while len(waiting):
            place = np.searchsorted(there, waiting)
            found, products = nearest_keys(queries[place], keys, k, place)
            partners = np.where(found < 0, -1, there[found])
            is_free = (partners >= 0) & ~self._are_apart(waiting[:, np.newaxis], partners)
            shows_all = k == len(there) - 1
            # All near ones may be apart (a flock in one frame): those look further.
            is_settled = is_free.any(axis=1) | shows_all
            self._keep_lists(waiting, partners, products, is_free, is_settled, shows_all)
            waiting, k = waiting[~is_settled], min(4 * k, len(there) - 1)
        self._look_again(asking)
        # A new list holds the nearest group there is, whatever equals it outside.
        self._is_stale[asking] = False
        return bool(self._is_open.any())

    def join_nearest(self) -> bool:
        """One round; False where nothing could be joined without new lists."""
        ready = np.flatnonzero(
            self._is_open & ~self._is_stale & (self._similarity >= self._threshold)
        )
        nearest = self._nearest[ready]
        is_lost = ~self._is_open[nearest]
        if is_lost.any():  # cells missed somebody: the partner found nothing and was closed
            self._look_again(ready[is_lost])
            return True
        is_mutual = ~self._is_stale[nearest]
        is_mutual &= self._similarity[nearest] <= self._similarity[ready]
        kept = _disjoint(ready[is_mutual], nearest[is_mutual], self._num)
        if not len(kept):
            return False
        joined = self._nearest[kept]
        self._merges.append((kept, joined, self._similarity[kept]))
        for sums in {id(s): s for s in (self._keys, self._queries)}.values():
            sums[kept] += sums[joined]
        self._sizes[kept] += self._sizes[joined]
        self._into[joined] = kept
        self._is_open[joined] = False
        if len(self._apart):
            self._apart = np.unique(np.sort(self._root_of(self._apart), axis=1), axis=0)
            self._apart_keys = self._pair_keys(self._apart[:, 0], self._apart[:, 1])
        self._join_lists(kept, joined)
        changed = np.zeros(self._num + 1, bool)
        changed[kept] = changed[joined] = True
        is_affected = self._is_open & (changed[self._nearest] | changed[: self._num])
        self._look_again(np.flatnonzero(is_affected & ~self._is_stale))
        return True

    def _keep_lists(
        self,
        groups: np.ndarray,
        partners: np.ndarray,
        products: np.ndarray,
        is_free: np.ndarray,
        is_settled: np.ndarray,
        shows_all: bool,
    ) -> None:
        """The nearest partners that are free, and the most that those outside of the list can have."""
        groups, partners, products, is_free = (
            array[is_settled] for array in (groups, partners, products, is_free)
        )
        order = np.argsort(~is_free, axis=1, kind="stable")[:, : self._k]
        listed = np.take_along_axis(np.where(is_free, partners, -1), order, axis=1)
        self._lists[groups] = -1
        self._lists[groups, : order.shape[1]] = listed
        last_kept = np.take_along_axis(products, order[:, -1:], axis=1)[:, 0]
        not_found = np.full(len(groups), -np.inf) if shows_all else products[:, -1]
        outside = np.where(is_free.sum(axis=1) > self._k, last_kept, not_found)
        self._bounds[groups] = outside.astype(np.float64) + self._rounding

    def _join_lists(self, kept: np.ndarray, joined: np.ndarray) -> None:
        """The nearest of both lists; what no longer fits raises the bound of what is outside."""
        both = np.concatenate([self._lists[kept], self._lists[joined]], axis=1)
        partners, similarities = self._compared(kept, both)
        order = np.argsort(-similarities, axis=1, kind="stable")
        similarities = np.take_along_axis(similarities, order, axis=1)
        self._lists[kept] = np.take_along_axis(partners, order, axis=1)[:, : self._k]
        self._bounds[kept] = np.maximum(
            np.maximum(self._bounds[kept], self._bounds[joined]), similarities[:, self._k]
        )

    def _look_again(self, groups: np.ndarray) -> None:
        """The nearest of each group's list; groups that nothing can reach any more are closed."""
        partners, similarities = self._compared(groups, self._lists[groups])
        self._lists[groups] = partners
        at, each = np.argmax(similarities, axis=1), np.arange(len(groups))
        self._nearest[groups] = partners[each, at]
        self._similarity[groups] = nearest = similarities[each, at]
        bounds = self._bounds[groups]
        may_be_nearer_outside = (bounds > nearest) & (bounds >= self._threshold)
        self._is_stale[groups] = may_be_nearer_outside
        self._is_open[groups[(nearest < self._threshold) & ~may_be_nearer_outside]] = False

    def _compared(self, groups: np.ndarray, listed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the listed groups have become, each once, and how similar they are; else -1 and -inf."""
        partners = self._root_of(listed)
        rows = np.broadcast_to(groups[:, np.newaxis], partners.shape)
        is_free = (partners >= 0) & (partners != rows) & self._is_open[partners]
        is_free &= ~self._are_apart(rows, partners)
        ordered = np.sort(partners, axis=1)
        if (ordered[:, 1:] == ordered[:, :-1]).any():
            is_free &= ~_stands_before(partners)
        similarities = np.full(partners.shape, -np.inf)
        similarities[is_free] = self._similarity_of(rows[is_free], partners[is_free])
        return np.where(is_free, partners, -1), similarities

    def _similarity_of(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Mean over all pairs across each two groups, float64."""
        found = np.empty(len(first))
        # A pair is always multiplied in one order, so that both see the same number.
        low, high = np.minimum(first, second), np.maximum(first, second)
        for start in range(0, len(first), PAIRS_AT_ONCE):
            part = slice(start, start + PAIRS_AT_ONCE)
            products = np.einsum("ij,ij->i", self._queries[low[part]], self._keys[high[part]])
            found[part] = products / (self._sizes[low[part]] * self._sizes[high[part]])
        return found

    def _means(self, sums: np.ndarray, groups: np.ndarray) -> np.ndarray:
        means = sums[groups]
        means /= self._sizes[groups, np.newaxis]
        return means.astype(np.float32, copy=False)

    def _longest(self, sums: np.ndarray) -> float:
        """The length of the longest mean; joining never makes a longer one."""
        squares = np.einsum("ij,ij->i", sums, sums, dtype=np.float64) / self._sizes**2
        return float(np.sqrt(squares.max(initial=0.0)))

    def _root_of(self, groups: np.ndarray) -> np.ndarray:
        """The groups that these became part of; -1 stays -1."""
        found = np.where(groups < 0, -1, self._into[groups])
        while not np.array_equal(further := np.where(found < 0, -1, self._into[found]), found):
            found = further
        return found

    def _are_apart(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Whether each two must stay apart, bool of the shape of both."""
        if not len(self._apart_keys):
            return np.zeros(np.broadcast_shapes(first.shape, second.shape), bool)
        wanted = self._pair_keys(first, second)
        at = np.searchsorted(self._apart_keys, wanted).clip(max=len(self._apart_keys) - 1)
        return self._apart_keys[at] == wanted

    def _pair_keys(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """One number for each pair; negative where one of them is -1."""
        return np.minimum(first, second) * self._num + np.maximum(first, second)


def _disjoint(first: np.ndarray, second: np.ndarray, num: int) -> np.ndarray:
    """Those of `first` whose pairs have no member in an earlier pair; equals make such chains."""
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
