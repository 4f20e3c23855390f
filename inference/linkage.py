"""Average linkage that never joins what must stay apart: the order in which groups grow together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

BLOCK = 512


class Merge(NamedTuple):
    """Two groups became one.

    Attributes:
        first, second: int, any member of each group.
        similarity: float, mean cosine similarity of the pairs across both groups.
    """

    first: int
    second: int
    similarity: float


def average_linkage(
    similarities: np.ndarray, sizes: np.ndarray, min_similarity: float = -np.inf
) -> list[Merge]:
    """All merges of average linkage, most similar first, down to `min_similarity`.

    Always merges the two groups of highest mean similarity, which is what following nearest neighbours until
    two are each other's nearest gives as well, with O(num^2) time and memory. That holds with constraints
    too: -inf between two groups stays -inf when either grows, so they are refused at every step, whatever
    lies between them.

    Args:
        similarities: float64 [num, num], symmetric; mean similarity of each two groups to begin with, -inf
            where they must never become one. Overwritten.
        sizes: int [num], how many embeddings each group holds to begin with.
        min_similarity: float; groups less similar than this stay apart.

    Returns:
        At most num - 1 merges, sorted by falling similarity.
    Reference:
        Murtagh and Contreras, Algorithms for hierarchical clustering: an overview, 2012,
        https://doi.org/10.1002/widm.53 (nearest-neighbour chain; -inf for constraints is ours).
    """
    np.fill_diagonal(similarities, -np.inf)
    sizes = np.asarray(sizes, np.float64).copy()
    waiting = list(range(len(similarities) - 1, -1, -1))
    is_done = np.zeros(len(similarities), dtype=bool)
    chain: list[int] = []
    merges = []
    while chain or waiting:
        if not chain:
            group = waiting.pop()
            if not is_done[group]:
                chain.append(group)
            continue
        group = chain[-1]
        nearest = int(np.argmax(similarities[group]))
        similarity = float(similarities[group, nearest])
        if not similarity >= min_similarity or similarity == -np.inf:
            is_done[chain.pop()] = True  # merges of others can only make it less similar
            similarities[:, group] = similarities[group] = -np.inf
        elif len(chain) > 1 and similarity <= similarities[group, chain[-2]]:
            _join(similarities, sizes, chain[-2], group)
            is_done[group] = True
            merges.append(Merge(chain[-2], group, similarity))
            waiting.append(chain[-2])
            del chain[-2:]
        else:
            chain.append(nearest)
    return sorted(merges, key=lambda merge: -merge.similarity)


def mean_similarities(sums: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Mean cosine similarity of the pairs across each two groups, float64 [num, num], symmetric.

    Args:
        sums: float64 [num, size], the sum of the unit vectors of each group.
        sizes: int [num], how many they are.
    """
    means = sums / np.asarray(sizes)[:, np.newaxis]
    similarities = means @ means.T
    for start in range(
        0, len(means), BLOCK
    ):  # one triangle mirrored: exactly symmetric, whatever BLAS did
        here, later = slice(start, start + BLOCK), slice(start + BLOCK, None)
        block = similarities[here, here]
        similarities[here, here] = np.triu(block) + np.triu(block, 1).T
        similarities[later, here] = similarities[here, later].T
    return similarities


def _join(similarities: np.ndarray, sizes: np.ndarray, kept: int, joined: int) -> None:
    """The group `kept` takes over `joined`; -inf in either stays -inf."""
    share = sizes[joined] / (sizes[kept] + sizes[joined])
    mean = (1 - share) * similarities[kept] + share * similarities[joined]
    mean[[kept, joined]] = -np.inf
    similarities[kept] = similarities[:, kept] = mean
    similarities[joined] = similarities[:, joined] = -np.inf
    sizes[kept] += sizes[joined]
