"""The nearest rows of a matrix by an exact scan: every row is compared, none is guessed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inference.index import faiss_scan

SIMILARITIES_AT_ONCE = 2**22  # 16 MiB of float32
QUERIES_AT_ONCE = 256
REFINED_AT_ONCE = 2**19  # numbers, 4 MiB of float64
LARGEST_GROUP = 64
# The float32 product of two unit vectors is off by less than this times their size.
ROUNDING = 2 * float(np.finfo(np.float32).eps)
GATHERED_SHARE = 0.1  # so few rows are copied to be compared; of more, all are compared
Found = list[tuple[np.ndarray, np.ndarray]]


def nearest(
    embeddings: np.ndarray,
    queries: np.ndarray,
    k: int,
    min_similarity: float | None = None,
    passing: np.ndarray | None = None,
) -> Found:
    """For each query the positions and cosine similarities of its k nearest rows, nearest first.

    A float32 product (by faiss where it is installed and worth it) finds the candidates, and their cosine is
    then computed again in float64, one row at a time. So equal rows get exactly equal similarities wherever
    they stand, a query's answer does not depend on the batch it came in, and equals are ordered by position.

    Args:
        embeddings: float32 [num, size], unit length.
        queries: float32 [num_queries, size], unit length.
        k: int >= 1.
        min_similarity: float in [-1, 1]; what is less similar is left out.
        passing: bool [num], the rows that may be found. None: all.
    Returns:
        num_queries pairs: positions int64 [found] and similarities float64 [found] in [-1, 1], found <= k.
    """
    queries = np.ascontiguousarray(queries, dtype=np.float32)
    return ranked(
        embeddings, queries, near_candidates(embeddings, queries, k, passing), k, min_similarity
    )


def ranked(
    embeddings: np.ndarray,
    queries: np.ndarray,
    candidates: Sequence[np.ndarray],
    k: int,
    min_similarity: float | None = None,
) -> Found:
    """The k nearest of each query's candidates (int64 positions in increasing order), as `nearest`."""
    lengths = [len(some) for some in candidates]
    at_once = max(1, REFINED_AT_ONCE // max(1, embeddings.shape[1]))
    found: Found = []
    start = 0
    while start < len(queries):
        stop = start + 1  # queries with equally many candidates are refined together
        while (
            stop < len(queries)
            and lengths[stop] == lengths[start]
            and (stop - start) * lengths[start] < at_once
        ):
            stop += 1
        places = np.stack(candidates[start:stop])
        similarities = np.concatenate(
            [
                _cosines(embeddings[places[:, part : part + at_once]], queries[start:stop])
                for part in range(0, max(1, places.shape[1]), at_once)
            ],
            axis=1,
        )
        order = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
        places = np.take_along_axis(places, order, axis=1)
        similarities = np.take_along_axis(similarities, order, axis=1)
        found += zip(places, similarities, strict=True)
        start = stop
    if min_similarity is not None:
        return [
            (rows[near >= min_similarity], near[near >= min_similarity]) for rows, near in found
        ]
    return found


def _cosines(rows: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """float64 [num_queries, num] of rows [num_queries, num, size]."""
    rows, queries = rows.astype(np.float64), queries.astype(np.float64)[:, np.newaxis]
    # Not a matrix product: BLAS rounds a row differently at different places.
    lengths = np.sqrt((rows * rows).sum(axis=2) * (queries * queries).sum(axis=2))
    return np.clip((rows * queries).sum(axis=2) / lengths, -1.0, 1.0)


def near_candidates(
    embeddings: np.ndarray, queries: np.ndarray, k: int, passing: np.ndarray | None
) -> list[np.ndarray]:
    """Positions that may be among the k nearest, however the float32 product was rounded."""
    num = len(embeddings) if passing is None else int(np.count_nonzero(passing))
    if num == len(embeddings):
        passing = None
    if k >= num:
        everything = np.arange(num) if passing is None else np.flatnonzero(passing)
        return [everything] * len(queries)
    if passing is not None and num < GATHERED_SHARE * len(embeddings):
        rows = np.flatnonzero(passing)
        return [rows[some] for some in near_candidates(embeddings[rows], queries, k, None)]
    if passing is None and faiss_scan.is_worth_it(num):
        candidates = faiss_scan.candidates(embeddings, queries, k, ROUNDING * embeddings.shape[1])
        unsure = [query for query, some in enumerate(candidates) if some is None]
        scanned = iter(_scan(embeddings, queries[unsure], k, None))
        return [next(scanned) if some is None else some for some in candidates]
    return _scan(embeddings, queries, k, passing)


def _scan(
    embeddings: np.ndarray, queries: np.ndarray, k: int, passing: np.ndarray | None
) -> list[np.ndarray]:
    candidates: list[np.ndarray] = []
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        candidates += _scan_some(embeddings, queries[start : start + QUERIES_AT_ONCE], k, passing)
    return candidates


def _scan_some(
    embeddings: np.ndarray, queries: np.ndarray, k: int, passing: np.ndarray | None
) -> list[np.ndarray]:
    """A block of rows at a time: what may be among the k nearest of the blocks so far is kept."""
    rounding = ROUNDING * embeddings.shape[1]
    rows_at_once = max(SIMILARITIES_AT_ONCE // len(queries), 4 * k)
    bounds = np.full(len(queries), -1.0 - rounding, dtype=np.float32)
    kept = []
    for start in range(0, len(embeddings), rows_at_once):
        block = slice(start, start + rows_at_once)
        similarities = queries @ embeddings[block].T
        if passing is not None:
            similarities[:, ~passing[block]] = -np.inf
        if similarities.shape[1] >= k:
            np.maximum(bounds, _at_most_kth_largest(similarities, k) - rounding, out=bounds)
        which, rows = np.nonzero(similarities >= bounds[:, np.newaxis])
        kept.append((which, rows + start, similarities[which, rows]))
    which, rows, near = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    order = np.argsort(which, kind="stable")
    ends = np.cumsum(np.bincount(which, minlength=len(queries)))[:-1]
    return [
        some[values >= np.partition(values, -k)[-k] - rounding] if len(values) > k else some
        for some, values in zip(
            np.split(rows[order], ends), np.split(near[order], ends), strict=True
        )
    ]


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
