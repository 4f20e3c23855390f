"""The nearest rows of a matrix by an exact scan: every row is compared, none is guessed."""

from __future__ import annotations

import numpy as np

SIMILARITIES_AT_ONCE = 2**24  # 64 MiB of float32
ROWS_REFINED_AT_ONCE = 4096
LARGEST_GROUP = 64


def nearest(
    embeddings: np.ndarray, queries: np.ndarray, k: int, min_similarity: float | None = None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each query the positions and cosine similarities of its k nearest rows, nearest first.

    A float32 product finds the candidates, and their cosine is then computed again in float64, one row at a
    time. So equal rows get exactly equal similarities wherever they stand, a query's answer does not depend
    on the batch it came in, and equals are ordered by position.

    Args:
        embeddings: float32 [num, size], unit length.
        queries: float32 [num_queries, size], unit length.
        k: int >= 1.
        min_similarity: float in [-1, 1]; what is less similar is left out.
    Returns:
        num_queries pairs: positions int64 [found] and similarities float64 [found] in [-1, 1], found <= k.
    """
    found = []
    queries_at_once = max(1, SIMILARITIES_AT_ONCE // max(1, len(embeddings)))
    for start in range(0, len(queries), queries_at_once):
        block = np.asarray(queries[start : start + queries_at_once])
        for query, candidates in zip(block, _candidates(embeddings, block, k), strict=True):
            found.append(_ranked(embeddings, query, candidates, k, min_similarity))
    return found


def _candidates(embeddings: np.ndarray, queries: np.ndarray, k: int) -> list[np.ndarray]:
    """Positions that may be among the k nearest, however the float32 product was rounded."""
    num = len(embeddings)
    if k >= num:
        return [np.arange(num)] * len(queries)
    similarities = queries @ embeddings.T
    rounding = 2 * embeddings.shape[1] * np.finfo(np.float32).eps
    bounds = _at_most_kth_largest(similarities, k) - rounding
    return [np.flatnonzero(row >= bound) for row, bound in zip(similarities, bounds, strict=True)]


def _at_most_kth_largest(similarities: np.ndarray, k: int) -> np.ndarray:
    """A close lower bound of the k-th largest value of each row: the k-th largest maximum of its groups.

    k groups hold at least k values as large as that. It takes one pass over the row, which selecting the k-th
    largest value itself does not.
    """
    num = similarities.shape[1]
    group_size = max(1, min(LARGEST_GROUP, num // (4 * k)))
    num_groups = num // group_size
    groups = similarities[:, : num_groups * group_size].reshape(-1, group_size, num_groups)
    return np.partition(groups.max(axis=1), num_groups - k, axis=1)[:, num_groups - k]


def _ranked(
    embeddings: np.ndarray,
    query: np.ndarray,
    candidates: np.ndarray,
    k: int,
    min_similarity: float | None,
) -> tuple[np.ndarray, np.ndarray]:
    similarities = np.empty(len(candidates))
    for start in range(0, len(candidates), ROWS_REFINED_AT_ONCE):
        part = slice(start, start + ROWS_REFINED_AT_ONCE)
        similarities[part] = _cosines(embeddings[candidates[part]], query)
    if min_similarity is not None:
        is_near = similarities >= min_similarity
        candidates, similarities = candidates[is_near], similarities[is_near]
    best = np.argsort(-similarities, kind="stable")[:k]
    return candidates[best], similarities[best]


def _cosines(rows: np.ndarray, query: np.ndarray) -> np.ndarray:
    rows, query = rows.astype(np.float64), query.astype(np.float64)
    # Not a matrix product: BLAS rounds a row differently at different places.
    lengths = np.sqrt((rows * rows).sum(axis=1) * (query * query).sum())
    return np.clip((rows * query).sum(axis=1) / lengths, -1.0, 1.0)
