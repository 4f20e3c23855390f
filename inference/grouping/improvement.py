"""A grouping made better step by step: atoms move, groups split, while the total log-odds rise."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from inference.grouping.neighbours import nearest_keys
from inference.grouping.scored import ScoredGroups

NEAREST_GROUPS = 6
MAX_SWEEPS = 8
LEAST_GAIN = 1e-6
ROWS_AT_ONCE = 50_000
LEAST_TO_SPLIT = 4  # of fewer atoms, moving one out is the same


class Improver:
    """Moves single atoms to other groups, or out of them, each time by what gains most.

    Two that were seen together and taken for each other block each other's way: they change places.
    Every step is checked against the constraints and raises the total; steps of one sweep touch
    different groups, so that what they gain adds up exactly.

    Args:
        atoms: the atoms as groups of their own.
        apart: int64 [pairs, 2], atoms that can never be one individual.
    """

    def __init__(self, atoms: ScoredGroups, apart: np.ndarray) -> None:
        self._atoms = atoms
        self._apart = apart
        self._rivals: dict[int, list[int]] = defaultdict(list)
        for first, second in apart.tolist():
            self._rivals[first].append(second)
            self._rivals[second].append(first)

    def improve(self, labels: np.ndarray) -> np.ndarray:
        """Moves, then exchanges, then splits, until none gains, or for eight sweeps.

        Args:
            labels: int64 [num_atoms], groups numbered from 0.

        Returns:
            int64 [num_atoms], likewise.
        """
        for _ in range(MAX_SWEEPS):
            moved = self._split(self._exchange(self._move(labels)))
            if np.array_equal(moved, labels):
                break
            labels = moved
        return labels

    def _move(self, labels: np.ndarray) -> np.ndarray:
        atoms = self._atoms
        groups = groups_of(atoms, labels)
        each = np.arange(len(labels))
        left_behind = _without(groups, labels, atoms)
        in_place = groups.score[labels] - left_behind
        best, target = atoms.score.copy(), np.full(len(labels), -1)  # -1: a group of its own
        for goal, gain in self._offers(groups, labels):
            is_better = gain > best
            best[is_better], target[is_better] = gain[is_better], goal[is_better]
        gains = best - in_place
        is_alone = groups.sizes[labels] == atoms.sizes
        wants = each[(gains > LEAST_GAIN) & ~(is_alone & (target < 0))]
        return self._apply(labels, target, wants[np.argsort(-gains[wants], kind="stable")])

    def _offers(
        self, groups: ScoredGroups, labels: np.ndarray
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Some groups that each atom might move to, and what its evidence would be there.

        -inf where a rival of the atom is: then the next best group is as good as it can do.
        """
        atoms, num = self._atoms, len(groups)
        if num < 2:
            return []
        own = np.arange(len(labels))
        near, _ = nearest_keys(
            atoms.expected_centres(own),
            groups.expected_centres(np.arange(num)),
            min(NEAREST_GROUPS, num - 1),
            labels,
        )
        barred = self._barred(labels, num)
        offers = []
        for goals in near.T:
            gain = np.full(len(labels), -np.inf)
            for rows in np.array_split(np.flatnonzero(goals >= 0), 1 + len(labels) // ROWS_AT_ONCE):
                goal = goals[rows]
                product = np.einsum("ij,ij->i", atoms.sums[rows], groups.sums[goal])
                gain[rows] = (
                    groups.score_of(
                        groups.sizes[goal] + atoms.sizes[rows],
                        groups.along[goal] + atoms.along[rows],
                        groups.squares[goal] + atoms.squares[rows] + 2 * product,
                        groups.total[goal] + atoms.total[rows],
                    )
                    - groups.score[goal]
                )
            gain[np.isin(own * num + goals, barred)] = -np.inf
            offers.append((goals, gain))
        return offers

    def _apply(self, labels: np.ndarray, target: np.ndarray, wants: np.ndarray) -> np.ndarray:
        moved = labels.copy()
        fresh = int(labels.max(initial=-1)) + 1
        touched: set[int] = set()
        for atom in wants.tolist():
            source, goal = int(labels[atom]), int(target[atom])
            if source in touched or goal in touched:
                continue
            if goal >= 0 and any(moved[rival] == goal for rival in self._rivals[atom]):
                continue
            touched.add(source)
            if goal >= 0:
                touched.add(goal)
            moved[atom], fresh = (goal, fresh) if goal >= 0 else (fresh, fresh + 1)
        return np.unique(moved, return_inverse=True)[1]

    def _exchange(self, labels: np.ndarray) -> np.ndarray:
        """Two atoms that are apart each in the other's group, where that gains."""
        if not len(self._apart):
            return labels
        atoms, groups = self._atoms, groups_of(self._atoms, labels)
        keys, num_rivals = np.unique(self._barred(labels, len(groups)), return_counts=True)

        def is_only_rival(atom: np.ndarray, goal: np.ndarray) -> np.ndarray:
            return num_rivals[np.searchsorted(keys, atom * len(groups) + goal)] == 1

        first, second = self._apart.T
        may = is_only_rival(first, labels[second]) & is_only_rival(second, labels[first])
        first, second = first[may], second[may]
        gains = np.empty(len(first))
        for rows in np.array_split(np.arange(len(first)), 1 + len(first) // ROWS_AT_ONCE):
            one, other = first[rows], second[rows]
            gains[rows] = _replaced(groups, labels[one], one, other, atoms)
            gains[rows] += _replaced(groups, labels[other], other, one, atoms)
        wants = np.flatnonzero(gains > LEAST_GAIN)
        exchanged, touched = labels.copy(), set[int]()
        for pair in wants[np.argsort(-gains[wants], kind="stable")].tolist():
            one, other = first[pair], second[pair]
            both = {int(labels[one]), int(labels[other])}
            if not both & touched:
                touched |= both
                exchanged[one], exchanged[other] = labels[other], labels[one]
        return exchanged

    def _barred(self, labels: np.ndarray, num: int) -> np.ndarray:
        """Where rivals are: atom * num + group, once for each rival of the atom in the group."""
        return np.concatenate(
            [first * num + labels[second] for first, second in (self._apart.T, self._apart.T[::-1])]
        )

    def _split(self, labels: np.ndarray) -> np.ndarray:
        """Each group in two parts around its two least alike atoms, where that gains."""
        atoms = self._atoms
        order = np.argsort(labels, kind="stable")
        sizes = np.bincount(labels)
        is_second = np.zeros(len(labels), bool)
        for members in np.split(order, np.cumsum(sizes))[:-1]:
            if len(members) >= LEAST_TO_SPLIT:
                means = atoms.sums[members] / atoms.sizes[members, np.newaxis]
                is_second[members[_two_parts(means)]] = True
        halves, half_of = np.unique(2 * labels + is_second, return_inverse=True)
        group_of_half = halves // 2
        is_cut = np.bincount(group_of_half)[group_of_half] == 2
        if not is_cut.any():
            return labels
        gains = np.bincount(group_of_half, groups_of(atoms, half_of).score)
        gains -= groups_of(atoms, labels).score
        parts = np.where(is_second & (gains > LEAST_GAIN)[labels], 2 * labels + 1, 2 * labels)
        return np.unique(parts, return_inverse=True)[1]


def groups_of(atoms: ScoredGroups, labels: np.ndarray) -> ScoredGroups:
    """The groups that atoms make.

    Args:
        atoms: as groups of their own.
        labels: int [num_atoms], groups numbered from 0.
    """
    num = int(labels.max(initial=-1)) + 1
    sums = np.zeros((num, atoms.sums.shape[1]), atoms.sums.dtype)
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    if len(starts):
        sums[:] = np.add.reduceat(atoms.sums[order], starts, axis=0)
    sizes = np.bincount(labels, atoms.sizes, minlength=num)
    return atoms.alike(sums, sizes, np.bincount(labels, atoms.total, minlength=num))


def _without(groups: ScoredGroups, labels: np.ndarray, atoms: ScoredGroups) -> np.ndarray:
    """The score of each atom's group without it, 0 where nothing is left, float64 [num_atoms]."""
    left = np.zeros(len(labels))
    shares = np.flatnonzero(groups.sizes[labels] > atoms.sizes)
    for rows in np.array_split(shares, 1 + len(shares) // ROWS_AT_ONCE):
        group = labels[rows]
        product = np.einsum("ij,ij->i", atoms.sums[rows], groups.sums[group])
        left[rows] = groups.score_of(
            groups.sizes[group] - atoms.sizes[rows],
            groups.along[group] - atoms.along[rows],
            groups.squares[group] + atoms.squares[rows] - 2 * product,
            groups.total[group] - atoms.total[rows],
        )
    return left


def _replaced(
    groups: ScoredGroups, group: np.ndarray, out: np.ndarray, into: np.ndarray, atoms: ScoredGroups
) -> np.ndarray:
    """What each group's score gains if one atom in it gives its place to another, float64 [num]."""
    sums = groups.sums[group] - atoms.sums[out] + atoms.sums[into]
    score = groups.score_of(
        groups.sizes[group] - atoms.sizes[out] + atoms.sizes[into],
        groups.along[group] - atoms.along[out] + atoms.along[into],
        np.einsum("ij,ij->i", sums, sums),
        groups.total[group] - atoms.total[out] + atoms.total[into],
    )
    return score - groups.score[group]


def _two_parts(means: np.ndarray) -> np.ndarray:
    """Two-means from the atom farthest out and the one least like it: the atoms of the first part."""
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    means = means / np.where(lengths > 0, lengths, 1)
    first = means[np.argmin(means @ means.sum(axis=0))]
    second = means[np.argmin(means @ first)]
    for _ in range(3):
        is_first = means @ first > means @ second
        if is_first.all() or not is_first.any():
            break
        first, second = (_direction(means[part]) for part in (is_first, ~is_first))
    return np.flatnonzero(is_first)


def _direction(vectors: np.ndarray) -> np.ndarray:
    total = vectors.sum(axis=0)
    return total / (np.linalg.norm(total) or 1)
