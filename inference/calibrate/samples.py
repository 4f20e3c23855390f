"""What a calibration is fitted on: pairs with their weights, and unknown animals that meet a gallery."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from inference.calibrate.certified import UnknownScores

BLOCK = 16_384  # pairs whose similarities are computed at once
MAX_SIMILARITIES = 2**23  # held in memory at once


@dataclass(frozen=True)
class Rows:
    """Embeddings with all that is known of each."""

    embeddings: np.ndarray  # float32 [num, size]
    individual: np.ndarray  # int [num], numbered from 0
    source: np.ndarray  # int [num], numbered from 0: rows of one source are never compared
    modality: np.ndarray  # str [num]

    def of_modality(self, modality: str) -> np.ndarray:
        """Positions of the rows of a modality, int [num]."""
        return np.flatnonzero(self.modality == modality)


@dataclass(frozen=True)
class PairSample:
    """Pairs of rows of different sources.

    Each individual's positive pairs weigh as much as another's, each two individuals' negative pairs as much
    as two others'; both kinds weigh 1/2 in all.
    """

    similarity: np.ndarray  # float64 [num]
    is_same: np.ndarray  # bool [num], whether they show one individual
    weight: np.ndarray  # float64 [num]
    first: np.ndarray  # int [num], the individual of one row
    second: np.ndarray  # and of the other

    def where(self, keep: np.ndarray) -> PairSample:
        """Those pairs alone, weighed anew; `keep` is bool [num]."""
        weight = _halves(self.weight[keep], self.is_same[keep])
        return PairSample(
            self.similarity[keep], self.is_same[keep], weight, self.first[keep], self.second[keep]
        )

    @property
    def has_both(self) -> bool:
        """Whether there are positive and negative pairs."""
        return bool(self.is_same.any() and not self.is_same.all())


def count_positive_pairs(rows: Rows, first: str, second: str) -> np.ndarray:
    """Pairs of two sources of each individual, one of each modality, int64 [num_individuals]."""
    num = int(rows.individual.max(initial=-1)) + 1
    sides = [
        np.unique(np.stack([rows.individual[at], rows.source[at]]), axis=1)
        for at in (rows.of_modality(first), rows.of_modality(second))
    ]
    of_first, of_second = (np.bincount(side[0], minlength=num) for side in sides)
    every, times = np.unique(np.concatenate(sides, axis=1), axis=1, return_counts=True)
    with_itself = np.bincount(every[0][times > 1], minlength=num)
    # Of one modality, each pair was counted in both orders.
    return (of_first * of_second - with_itself) // (2 if first == second else 1)


def sample_pairs(
    rows: Rows, first: str, second: str, *, max_pairs: int, rng: np.random.Generator
) -> PairSample:
    """All pairs of a row of one modality and a row of another, or so many of each kind drawn from them.

    Drawn where there are more than `max_pairs`, individuals and their sources evenly.
    """
    sides = [rows.of_modality(first), rows.of_modality(second)]
    shares = [_shares(rows, side) for side in sides]
    is_drawn = len(sides[0]) * len(sides[1]) > max_pairs
    if is_drawn:
        may_match = np.flatnonzero(count_positive_pairs(rows, first, second))
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


def _halves(weight: np.ndarray, is_same: np.ndarray) -> np.ndarray:
    sums = np.array([weight[~is_same].sum(), weight[is_same].sum()])
    return weight / (2 * np.where(sums > 0, sums, 1))[is_same.astype(int)]


def independent_units(individual: np.ndarray, unit: np.ndarray | None) -> np.ndarray:
    """The independent unit of each row, int [num]: individuals, joined where they share a given unit.

    Two individuals of one video have its light and place in common, and two videos of one individual the
    individual: counting either twice would promise too much.
    """
    if unit is None or not len(individual):
        return individual
    num = int(individual.max()) + 1
    links = coo_array(
        (np.ones(len(individual), bool), (individual, num + unit)),
        shape=(num + int(unit.max()) + 1,) * 2,
    )
    return connected_components(links, directed=False)[1][individual]


def draw_galleries(
    unit: np.ndarray, *, share: float, num: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Whether each row is in the gallery, bool [num_rows] for each of `num` galleries of whole units.

    Given the gallery, the scores of unknown animals are independent of each other, as an exact bound asks;
    if everybody were compared with everybody else, the best match of A would often be B and that of B A.
    """
    units, unit_of_row = np.unique(unit, return_inverse=True)
    num_in_gallery = min(max(round(share * len(units)), 1), max(len(units) - 1, 0))
    is_in_gallery = np.arange(len(units)) < num_in_gallery
    drawn: list[np.ndarray] = []
    for _ in range(num):
        is_in_gallery = rng.permutation(is_in_gallery)
        drawn.append(is_in_gallery[unit_of_row])
    return drawn


def unknown_scores(
    rows: Rows, first: str, second: str, *, unit: np.ndarray, is_in_gallery: np.ndarray
) -> UnknownScores | None:
    """The highest similarity of each unknown unit to any row of the gallery that is of another source.

    Where the modalities differ, the unknown animal may be of either. None where the gallery or the unknown
    animals have no rows of them.
    """
    best = np.full(int(unit.max(initial=-1)) + 1, -np.inf)
    known_individuals: set[int] = set()
    for asking, known in {(first, second), (second, first)}:
        unknown = np.flatnonzero(~is_in_gallery & (rows.modality == asking))
        gallery = np.flatnonzero(is_in_gallery & (rows.modality == known))
        if len(unknown) and len(gallery):
            np.maximum.at(best, unit[unknown], _highest(rows, unknown, gallery))
            known_individuals.update(rows.individual[gallery].tolist())
    scores = tuple(np.sort(best[np.isfinite(best)]).tolist())
    return UnknownScores(scores, len(known_individuals)) if scores else None


def _highest(rows: Rows, asking: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The highest similarity of each row that asks to a known one of another source; -inf for none."""
    parts = []
    step = max(1, MAX_SIMILARITIES // len(known))
    for start in range(0, len(asking), step):
        block = asking[start : start + step]
        similarity = rows.embeddings[block] @ rows.embeddings[known].T
        similarity[rows.source[block][:, None] == rows.source[known]] = -np.inf
        parts.append(similarity.max(axis=1))
    return np.concatenate(parts).astype(np.float64)
