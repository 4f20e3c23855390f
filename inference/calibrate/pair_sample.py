"""Which pairs of rows a calibration is fitted on, and how much each counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BLOCK = 16_384  # pairs whose similarities are computed at once


@dataclass(frozen=True)
class Rows:
    """Embeddings with all that is known of each.

    Args:
        embeddings: float32 [num, size].
        individual: int [num], numbered from 0.
        source: int [num], numbered from 0: rows of one source are never compared.
        modality: str [num].
    """

    embeddings: np.ndarray
    individual: np.ndarray
    source: np.ndarray
    modality: np.ndarray

    def of_modality(self, modality: str) -> np.ndarray:
        """Positions of the rows of a modality, int [num]."""
        return np.flatnonzero(self.modality == modality)


@dataclass(frozen=True)
class PairSample:
    """Pairs of rows of different sources.

    Args:
        similarity: float64 [num].
        is_same: bool [num], whether they show one individual.
        weight: float64 [num]: each individual's positive pairs weigh as much as another's, each two
            individuals' negative pairs as much as two others'; both kinds weigh 1/2 in all.
        first: int [num], individual of the first row.
        second: int [num], of the second.
    """

    similarity: np.ndarray
    is_same: np.ndarray
    weight: np.ndarray
    first: np.ndarray
    second: np.ndarray

    def where(self, keep: np.ndarray) -> PairSample:
        """Those pairs alone, weighed anew.

        Args:
            keep: bool [num].
        """
        weight = _halves(self.weight[keep], self.is_same[keep])
        return PairSample(
            self.similarity[keep], self.is_same[keep], weight, self.first[keep], self.second[keep]
        )

    @property
    def has_both(self) -> bool:
        """Whether there are positive and negative pairs."""
        return bool(self.is_same.any() and not self.is_same.all())


@dataclass(frozen=True)
class PairCounts:
    """How many pairs of sources there are, and of whom.

    Args:
        of_individual: int64 [num_individuals], pairs of two sources of each individual.
        num_negative: int, pairs of two sources of two individuals.
    """

    of_individual: np.ndarray
    num_negative: int

    @property
    def num_positive(self) -> int:
        """Pairs of two sources of one individual."""
        return int(self.of_individual.sum())


def count_pairs(rows: Rows, first: str, second: str) -> PairCounts:
    """Counts pairs of sources, one of each modality; rows of one source and individual count once."""
    sides = [
        np.unique(np.stack([rows.individual[at], rows.source[at]]), axis=1)
        for at in (rows.of_modality(first), rows.of_modality(second))
    ]
    common = sides[0][:, _is_in(sides[0], sides[1])]
    by_individual, by_source = (
        [np.bincount(side[of], minlength=numbers.max(initial=-1) + 1) for side in (*sides, common)]
        for of, numbers in enumerate((rows.individual, rows.source))
    )
    positive = by_individual[0] * by_individual[1] - by_individual[2]
    ordered = sides[0].shape[1] * sides[1].shape[1]
    alike = by_individual[0] @ by_individual[1] + by_source[0] @ by_source[1] - common.shape[1]
    halves = 2 if first == second else 1  # each pair was counted in both orders
    return PairCounts(positive // halves, int(ordered - alike) // halves)


def sample_pairs(
    rows: Rows, first: str, second: str, *, max_pairs: int, rng: np.random.Generator
) -> PairSample:
    """All pairs of a row of one modality and a row of another, or so many of each kind drawn from them.

    Args:
        rows: of which pairs are made.
        first: modality.
        second: modality, may be the same.
        max_pairs: int; where there are more, so many of each kind are drawn, individuals and their sources
            evenly.
        rng: for the draws.
    """
    sides = [rows.of_modality(first), rows.of_modality(second)]
    shares = [_shares(rows, side) for side in sides]
    is_drawn = len(sides[0]) * len(sides[1]) > max_pairs
    if is_drawn:
        may_match = np.flatnonzero(count_pairs(rows, first, second).of_individual)
        drawn = _drawn(rows, sides, shares, may_match, max_pairs, rng)
    else:
        drawn = np.indices((len(sides[0]), len(sides[1]))).reshape(2, -1)
        if first == second:
            drawn = drawn[:, drawn[0] < drawn[1]]
    a, b = sides[0][drawn[0]], sides[1][drawn[1]]
    weight = np.ones(len(a)) if is_drawn else shares[0][drawn[0]] * shares[1][drawn[1]]
    differ = rows.source[a] != rows.source[b]
    a, b, weight = a[differ], b[differ], weight[differ]
    individuals = rows.individual[a], rows.individual[b]
    is_same = individuals[0] == individuals[1]
    own = np.bincount(individuals[0][is_same], weight[is_same])
    weight[is_same] /= own[individuals[0][is_same]]
    similarity = _similarities(rows.embeddings, a, b)
    return PairSample(similarity, is_same, _halves(weight, is_same), *individuals)


def _shares(rows: Rows, side: np.ndarray) -> np.ndarray:
    """Weight of each row: individuals weigh 1, their sources evenly, rows of a source evenly."""
    individual, source = rows.individual[side], rows.source[side]
    both, row_source = np.unique(np.stack([individual, source]), axis=1, return_inverse=True)
    row_source = row_source.reshape(-1)
    num_rows = np.bincount(row_source, minlength=1)[row_source]
    return 1 / (num_rows * np.bincount(both[0], minlength=1)[individual])


def _drawn(
    rows: Rows,
    sides: list[np.ndarray],
    shares: list[np.ndarray],
    may_match: np.ndarray,
    num: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Positions in the two sides, int [2, about 2 * num]: pairs of one individual, then of two."""
    present = [np.unique(rows.individual[side]) for side in sides]
    own = rng.choice(may_match, num) if len(may_match) else np.zeros(0, int)
    others = [rng.choice(individuals, num) for individuals in present]
    differ = others[0] != others[1]
    return np.stack(
        [
            _rows_of(np.concatenate([own, other[differ]]), rows.individual[side], share, rng)
            for other, side, share in zip(others, sides, shares, strict=True)
        ]
    )


def _rows_of(
    individuals: np.ndarray, individual_of: np.ndarray, shares: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """A position for each individual, drawn from its own with the given shares."""
    order = np.argsort(individual_of, kind="stable")
    present, start = np.unique(individual_of[order], return_index=True)
    end = np.append(start[1:], len(order)) - 1
    rank = np.searchsorted(present, individuals)
    at = np.searchsorted(np.cumsum(shares[order]), rank + rng.random(len(rank)), side="right")
    return order[np.clip(at, start[rank], end[rank])]  # sums are rounded at the borders


def _similarities(embeddings: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    parts = [
        np.einsum("ij,ij->i", embeddings[a[at : at + BLOCK]], embeddings[b[at : at + BLOCK]])
        for at in range(0, len(a), BLOCK)
    ]
    return np.concatenate([np.zeros(0), *parts]).astype(np.float64)


def _is_in(pairs: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which columns of [2, num] are among the others, bool [num]; both hold each column once."""
    _, inverse, times = np.unique(
        np.concatenate([pairs, others], axis=1), axis=1, return_inverse=True, return_counts=True
    )
    return times[inverse.reshape(-1)[: pairs.shape[1]]] > 1


def _halves(weight: np.ndarray, is_same: np.ndarray) -> np.ndarray:
    sums = np.array([weight[~is_same].sum(), weight[is_same].sum()])
    return weight / (2 * np.where(sums > 0, sums, 1))[is_same.astype(int)]
