"""From embeddings to individuals: which rows show the same animal."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.constraints import Constraints, check_constraints
from inference.embeddings import check_embeddings
from inference.grouping.atoms import number_by_first_appearance, pool, sum_within
from inference.linkage import average_linkage, groups_after, mean_similarities


@dataclass(frozen=True)
class Conflict:
    """Two individuals that look alike enough to be one, but are known not to be. Worth a person's look.

    Attributes:
        first, second: int, the individuals.
        similarity: float, mean cosine similarity across both, at or above the threshold.
        rows: (int, int), the rows of a constraint that keeps them apart: seen in one frame, or in
            `cannot_link`.
    """

    first: int
    second: int
    similarity: float
    rows: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Grouping:
    """Rows grouped into individuals.

    Attributes:
        labels: int32 [num], the individual of each row, numbered from 0 by first appearance.
        num_individuals: int.
        threshold: float, the mean cosine similarity from which groups were joined.
        conflicts: tuple of Conflict, most similar first.
    """

    labels: np.ndarray
    num_individuals: int
    threshold: float
    conflicts: tuple[Conflict, ...]

    def members(self) -> list[np.ndarray]:
        """The rows of each individual, int64 [rows], in the order of the individuals."""
        order = np.argsort(self.labels, kind="stable")
        ends = np.cumsum(np.bincount(self.labels, minlength=self.num_individuals))
        return np.split(order, ends)[:-1]


def group_individuals(
    embeddings: npt.ArrayLike,
    *,
    threshold: float,
    must_link: Iterable[tuple[int, int]] = (),
    cannot_link: Iterable[tuple[int, int]] = (),
    tracklets: Sequence[Hashable | None] | None = None,
    frames: Sequence[Hashable | None] | None = None,
) -> Grouping:
    """Group embeddings into individuals by average linkage under constraints.

    Rows of one tracklet are one individual and are pooled first, into their mean direction: three hundred
    frames of one bird are one observation. Then the two groups of the highest mean similarity (over pairs of
    pooled observations) become one, again and again, while it is at or above the threshold. Two rows of one
    frame are two animals; a merge that would make them one is refused at every step. An animal seen once is
    an individual.

    The answer does not depend on the order of the rows (where similarities are exactly equal, on the order of
    equal rows only). O(num^2) memory in pooled observations: 5,000 take about 0.2 GB and 1 s.

    Args:
        embeddings: float32 [num, size], unit length.
        threshold: float in [-1, 1], mean cosine similarity. `suggest_threshold` finds one from labelled
            embeddings.
        must_link: pairs of rows that are one individual.
        cannot_link: pairs of rows that are not.
        tracklets: num hashable values, unique across videos, such as (video, number); None for a row without
            one.
        frames: num hashable values, such as (video, frame number); None for a row that belongs to no frame.

    Returns:
        Grouping.

    Raises:
        ValueError: NaN, not of unit length, a threshold outside [-1, 1]; or constraints that contradict each
            other, all named in one message.

    Example:
        >>> group_individuals([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], threshold=0.7).labels.tolist()
        [0, 0, 1]
    """
    checked = np.asarray(check_embeddings(embeddings), np.float64)
    check_threshold(threshold)
    constraints = check_constraints(
        len(checked),
        must_link=must_link,
        cannot_link=cannot_link,
        tracklets=tracklets,
        frames=frames,
    )
    sums, sizes = _components(checked, constraints)
    order = np.lexsort(sums.T)  # so that the answer does not depend on the order of the rows
    similarities = mean_similarities(sums[order], sizes[order])
    place = np.argsort(order)
    apart = place[constraints.component_of[constraints.cannot_link]]
    similarities[apart[:, 0], apart[:, 1]] = similarities[apart[:, 1], apart[:, 0]] = -np.inf
    merges = average_linkage(similarities, sizes[order], threshold)
    group_of_component = groups_after(merges, len(sums))[place]
    labels = number_by_first_appearance(group_of_component[constraints.component_of])
    num_individuals = int(labels.max(initial=-1)) + 1
    conflicts = _conflicts(sums, sizes, labels, constraints, threshold)
    return Grouping(labels, num_individuals, float(threshold), conflicts)


def check_threshold(threshold: float) -> None:
    """Refuse what is no cosine similarity.

    Raises:
        ValueError: outside [-1, 1], or NaN.
    """
    if not -1 <= threshold <= 1:
        raise ValueError(
            f"threshold must be a mean cosine similarity in [-1, 1], received {threshold}. "
            "suggest_threshold finds one from labelled embeddings."
        )


def _components(embeddings: np.ndarray, constraints: Constraints) -> tuple[np.ndarray, np.ndarray]:
    """Per component: the sum of its pooled tracklets, float64 [components, size], and how many they are."""
    observations = pool(embeddings, constraints.tracklet_of)
    _, first_row = np.unique(constraints.tracklet_of, return_index=True)
    component_of = constraints.component_of[first_row]
    return sum_within(observations, component_of), np.bincount(component_of)


def _conflicts(
    sums: np.ndarray,
    sizes: np.ndarray,
    labels: np.ndarray,
    constraints: Constraints,
    threshold: float,
) -> tuple[Conflict, ...]:
    """The cannot-linked pairs of individuals whose mean similarity alone would have joined them."""
    apart = np.sort(labels[constraints.cannot_link], axis=1)
    pairs, example = np.unique(apart, axis=0, return_index=True)
    _, first_row = np.unique(constraints.component_of, return_index=True)
    individual_of = labels[first_row]
    means = sum_within(sums, individual_of) / np.bincount(individual_of, sizes)[:, np.newaxis]
    similarities = (means[pairs[:, 0]] * means[pairs[:, 1]]).sum(axis=1)
    conflicts = [
        Conflict(
            int(first), int(second), float(similarity), tuple(constraints.cannot_link[row].tolist())
        )
        for (first, second), similarity, row in zip(pairs, similarities, example, strict=True)
        if similarity >= threshold
    ]
    return tuple(sorted(conflicts, key=lambda conflict: -conflict.similarity))
