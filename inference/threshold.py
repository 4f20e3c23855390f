"""A similarity threshold for grouping, from known individuals, whose views of one source are pooled."""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from inference.embeddings import check_embeddings
from inference.linkage import Merges, average_linkage

MAX_OBSERVATIONS = 3000
BELOW_ALL = -2.0  # no similarity is as low
LEAST_LENGTH = 1e-6  # a shorter sum is rounding, and no direction


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
    return best_threshold(*observations_of_known(checked, labels, sources))


def best_threshold(observations: np.ndarray, individual_of: np.ndarray) -> float:
    """As `suggest_threshold`, of pooled observations; of more than 3,000, some individuals' 3,000."""
    if len(observations) > MAX_OBSERVATIONS:
        rank = np.random.default_rng(0).permutation(int(individual_of.max()) + 1)[individual_of]
        chosen = np.sort(np.argsort(rank, kind="stable")[:MAX_OBSERVATIONS])
        observations = observations[chosen]
        individual_of = np.unique(individual_of[chosen], return_inverse=True)[1]
    merges = average_linkage(observations, np.ones(len(observations), int), BELOW_ALL)
    return _middle_of_widest_best(merges.similarity, _f1_after_each(merges, individual_of))


def _f1_after_each(merges: Merges, individual_of: np.ndarray) -> np.ndarray:
    """B-cubed F1 before any merge and after each, float64 [num_merges + 1]."""
    num = len(individual_of)
    true_sizes = np.bincount(individual_of)
    groups = [Counter({individual: 1}) for individual in individual_of.tolist()]
    group_of = list(range(num))  # parents, as in union-find
    precision, recall = float(num), float((1 / true_sizes[individual_of]).sum())

    def root(member: int) -> int:
        while group_of[member] != member:
            group_of[member] = group_of[group_of[member]]
            member = group_of[member]
        return member

    def purity(group: Counter[int]) -> float:
        return sum(times * times for times in group.values()) / group.total()

    scores = [2 * precision * recall / (precision + recall) / num]
    for pair in zip(merges.first.tolist(), merges.second.tolist(), strict=True):
        small, large = sorted(map(root, pair), key=lambda at: len(groups[at]))
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


def pool(vectors: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The mean direction of each group, [num_groups, size]; 0 where its vectors cancel out."""
    sums = sum_within(vectors, groups)
    if sums is vectors:
        return vectors
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.where(lengths > LEAST_LENGTH, sums / np.maximum(lengths, LEAST_LENGTH), 0)


def sum_within(vectors: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The sum of each group's vectors, [num_groups, size]; the same in any order of the rows.

    Where each row is a group of its own, in order, these are the vectors themselves, not a copy.
    """
    num_groups = int(groups.max(initial=-1)) + 1
    if num_groups == len(groups) and np.array_equal(groups, np.arange(num_groups)):
        return vectors
    sums = np.zeros((num_groups, vectors.shape[1]), vectors.dtype)
    order = np.lexsort((*vectors.T[::-1], groups))
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    if len(starts):
        sums[groups[order][starts]] = np.add.reduceat(vectors[order], starts, axis=0)
    return sums


def observations_of_known(
    embeddings: np.ndarray,
    individuals: Sequence[Hashable] | np.ndarray,
    sources: Sequence[Hashable] | np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """One observation for each known individual in each source; arguments as in `suggest_threshold`.

    Returns:
        float64 [num_observations, size], unit length; and the individual of each, int64, numbered from 0.
    Raises:
        ValueError: lengths that do not fit; fewer than two individuals; no individual in two sources.
    """
    num = len(embeddings)
    given = np.arange(num) if sources is None else sources
    if len(individuals) != num or len(given) != num:
        raise ValueError(
            f"labels and sources must hold one value for each of the {num} embeddings, received "
            f"{len(individuals)} labels and {len(given)} sources."
        )
    individual_of = np.unique(np.asarray(individuals), return_inverse=True)[1]
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
    return pool(embeddings, observation_of.reshape(-1)), both[0]
