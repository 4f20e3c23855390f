"""A similarity threshold for grouping, from embeddings whose individuals are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from inference.embeddings import check_embeddings
from inference.individuals import pool
from inference.linkage import Merge, average_linkage, mean_similarities


def suggest_threshold(
    embeddings: npt.ArrayLike,
    labels: Sequence[Hashable] | np.ndarray,
    *,
    sources: Sequence[Hashable] | np.ndarray | None = None,
) -> float:
    """The threshold at which `group_individuals` best finds the known individuals.

    Groups the embeddings at every possible threshold and takes the one of the highest B-cubed F1; where a
    range of thresholds does equally well, the middle of the widest such range. It is the best on the
    embeddings it was given, without a promise for others: use individuals and recordings that were not
    trained on, and as much like the footage as possible. Counts at this threshold tend to be too high,
    because rare poor views stay alone.

    Args:
        embeddings: float32 [num, size], unit length.
        labels: str or int [num], the individual of each row.
        sources: str or int [num], such as the video or tracklet of each row. Rows of one individual in one
            source are pooled first, as `group_individuals` pools a tracklet: only different sources are
            compared. None: every row is a source of its own.
    Returns:
        float in [-1, 1].
    Raises:
        ValueError: fewer than two individuals; no individual in two sources; lengths that do not fit; NaN or
            not of unit length.
    """
    checked = np.asarray(check_embeddings(embeddings), np.float64)
    individual_of, observation_of = _observations(len(checked), labels, sources)
    individuals = individual_of[np.unique(observation_of, return_index=True)[1]]
    observations = pool(checked, observation_of)
    sizes = np.ones(len(observations))
    merges = average_linkage(mean_similarities(observations, sizes), sizes)
    scores = _bcubed_f1_after_each(merges, individuals)
    return _middle_of_widest_best(np.array([merge.similarity for merge in merges]), scores)


def _observations(
    num: int,
    labels: Sequence[Hashable] | np.ndarray,
    sources: Sequence[Hashable] | np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Individual and observation (individual in a source) of each row, int [num], both numbered from 0."""
    given = np.arange(num) if sources is None else sources
    if len(labels) != num or len(given) != num:
        raise ValueError(
            f"labels and sources must hold one value for each of the {num} embeddings, received "
            f"{len(labels)} labels and {len(given)} sources."
        )
    individual_of = np.unique(np.asarray(labels), return_inverse=True)[1]
    source_of = np.unique(np.asarray(given), return_inverse=True)[1]
    both, observation_of = np.unique(
        np.stack([individual_of, source_of]), axis=1, return_inverse=True
    )
    num_sources = np.bincount(both[0], minlength=1)
    if len(num_sources) < 2 or num_sources.max() < 2:
        raise ValueError(
            "A threshold needs at least two individuals, one of them in two sources; received "
            f"{len(num_sources) if num else 0} individuals, the most often seen in {num_sources.max()} "
            "sources. Label more recordings or photos."
        )
    return individual_of, observation_of.reshape(-1)


def _bcubed_f1_after_each(merges: list[Merge], individuals: np.ndarray) -> np.ndarray:
    """B-cubed F1 before any merge and after each, float64 [num_merges + 1]."""
    num = len(individuals)
    true_sizes = np.bincount(individuals)
    groups = [Counter({individual: 1}) for individual in individuals.tolist()]
    group_of = list(range(num))  # parents, as in union-find
    precision, recall = float(num), float((1 / true_sizes[individuals]).sum())

    def root(member: int) -> int:
        while group_of[member] != member:
            group_of[member] = group_of[group_of[member]]
            member = group_of[member]
        return member

    def purity(group: Counter[int]) -> float:
        return sum(times * times for times in group.values()) / group.total()

    scores = [2 * precision * recall / (precision + recall) / num]
    for merge in merges:
        small, large = sorted(
            (root(merge.first), root(merge.second)), key=lambda at: len(groups[at])
        )
        precision -= purity(groups[small]) + purity(groups[large])
        recall += sum(2 * n * groups[large][i] / true_sizes[i] for i, n in groups[small].items())
        groups[large].update(groups[small])
        group_of[small] = large
        precision += purity(groups[large])
        scores.append(2 * precision * recall / (precision + recall) / num)
    return np.array(scores)


def _middle_of_widest_best(similarities: np.ndarray, scores: np.ndarray) -> float:
    """Thresholds in (similarity i+1, similarity i] give score i; the outer ends are 1 and -1."""
    upper = np.clip(np.concatenate([[1.0], similarities]), -1, 1)
    lower = np.clip(np.concatenate([similarities, [-1.0]]), -1, 1)
    widths = np.where(scores >= scores.max() - 1e-9, upper - lower, -1.0)
    best = int(np.argmax(widths))
    return float((upper[best] + lower[best]) / 2)
