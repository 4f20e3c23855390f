"""The nearest rows of a matrix by an exact scan: every row is compared, by faiss where that is installed."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import numpy as np

SIMILARITIES_AT_ONCE = 2**22  # 16 MiB of float32
QUERIES_AT_ONCE = 256
RANKED_AT_ONCE = 2**19  # numbers, 4 MiB of float64
FAISS_FROM_ROWS = 10_000  # below, the scan takes less time than loading faiss
SPARE = 22  # candidates beyond k, among which rounding may have changed the order
GATHERED_SHARE = 0.1  # so few rows are copied to be compared; of more, all are compared
LARGEST_GROUP = 64
# The float32 product of two unit vectors is off by less than this times their size.
ROUNDING = 2 * float(np.finfo(np.float32).eps)
Found = list[tuple[np.ndarray, np.ndarray]]


def nearest(
    embeddings: np.ndarray,
    queries: np.ndarray,
    k: int,
    min_similarity: float | None = None,
    passing: np.ndarray | None = None,
) -> Found:
    """For each query the rows and cosine similarities of its k nearest, nearest first.

    A float32 product finds the candidates, and their cosine is then computed again in float64, one row at a
    time. So equal rows get exactly equal similarities wherever they stand, a query's answer does not depend
    on the batch it came in, and equals are ordered by row.

    Args:
        embeddings: float32 [num, size], unit length.
        queries: float32 [num_queries, size], unit length.
        k: >= 1.
        min_similarity: in [-1, 1]; what is less similar is left out.
        passing: bool [num], the rows that may be found. None: all.
    Returns:
        num_queries pairs: rows int64 [found] and similarities float64 [found] in [-1, 1], found <= k.
    """
    queries = np.ascontiguousarray(queries, dtype=np.float32)
    return [
        ranked(embeddings, query, candidates, k, min_similarity)
        for query, candidates in zip(
            queries, near_candidates(embeddings, queries, k, passing), strict=True
        )
    ]


def ranked(
    embeddings: np.ndarray,
    query: np.ndarray,
    candidates: np.ndarray,
    k: int,
    min_similarity: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Of these rows (int64 [num], increasing) the k nearest to float32 [size], as `nearest`."""
    at_once = max(1, RANKED_AT_ONCE // embeddings.shape[1])
    parts = [
        _cosines(embeddings[candidates[start : start + at_once]], query)
        for start in range(0, len(candidates) or 1, at_once)
    ]
    similarities = np.concatenate(parts)
    order = np.argsort(-similarities, kind="stable")[:k]
    if min_similarity is not None:
        order = order[similarities[order] >= min_similarity]
    return candidates[order], similarities[order]


def _cosines(rows: np.ndarray, query: np.ndarray) -> np.ndarray:
    """float64 [num]. Not a matrix product: BLAS rounds a row differently at different places."""
    rows, query = rows.astype(np.float64), query.astype(np.float64)
    lengths = np.sqrt((rows * rows).sum(axis=1) * (query * query).sum())
    return np.clip((rows * query).sum(axis=1) / lengths, -1.0, 1.0)


def near_candidates(
    embeddings: np.ndarray, queries: np.ndarray, k: int, passing: np.ndarray | None = None
) -> list[np.ndarray]:
    """For each query the rows (int64, increasing) that may be among its k nearest, however rounded."""
    num = len(embeddings) if passing is None else int(np.count_nonzero(passing))
    if num == len(embeddings):
        passing = None
    if k >= num:
        return [np.arange(num) if passing is None else np.flatnonzero(passing)] * len(queries)
    if passing is not None and num < GATHERED_SHARE * len(embeddings):
        rows = np.flatnonzero(passing)
        return [rows[some] for some in near_candidates(embeddings[rows], queries, k)]
    found: list[np.ndarray] = []
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        some = queries[start : start + QUERIES_AT_ONCE]
        if passing is None and num >= FAISS_FROM_ROWS and is_faiss_installed():
            found += _by_faiss(embeddings, some, k)
        else:
            found += _by_product(embeddings, some, k, passing)
    return found


def is_faiss_installed() -> bool:
    """Whether the extra `faiss` is installed."""
    try:
        return importlib.util.find_spec("faiss") is not None
    except ValueError:  # it is hidden: sys.modules["faiss"] is None
        return False


def import_faiss() -> ModuleType:
    """The library; ImportError names the extra."""
    try:
        import faiss
    except ImportError as error:
        raise ImportError(
            "Approximate search needs faiss, which is not installed. Install it with "
            "`pip install 'fused-encoder[faiss]'`."
        ) from error
    return faiss


def _by_faiss(embeddings: np.ndarray, queries: np.ndarray, k: int) -> list[np.ndarray]:
    faiss = import_faiss()
    num_found = min(len(embeddings), k + SPARE)
    similarities, rows = faiss.knn(
        queries, embeddings, num_found, metric=faiss.METRIC_INNER_PRODUCT
    )
    is_sure = similarities[:, -1] < similarities[:, k - 1] - ROUNDING * embeddings.shape[1]
    found = list(np.sort(rows, axis=1))
    if num_found < len(
        embeddings
    ):  # where more rows are as near as the k-th, all of them are candidates
        for query in np.flatnonzero(~is_sure):
            [found[query]] = _by_product(embeddings, queries[query : query + 1], k, None)
    return found


def _by_product(
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
    found = []
    for query in range(len(queries)):
        some, values = rows[which == query], near[which == query]
        if len(some) > k:
            some = some[values >= np.partition(values, -k)[-k] - rounding]
        found.append(some)
    return found


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
