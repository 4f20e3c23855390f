"""The scan by faiss, where it is installed: the same rows as by NumPy, sooner."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import numpy as np

FROM_ROWS = 10_000  # below, the scan takes less time than loading faiss
SPARE = 22  # candidates beyond k, among which rounding may have changed the order


def is_installed() -> bool:
    """Whether the extra `faiss` is installed."""
    try:
        return importlib.util.find_spec("faiss") is not None
    except ValueError:  # it is hidden: sys.modules["faiss"] is None
        return False


def import_faiss(needed_by: str) -> ModuleType:
    """The library.

    Raises:
        ImportError: it is not installed; says what needs it.
    """
    try:
        import faiss
    except ImportError as error:
        raise ImportError(
            f"{needed_by} needs faiss, which is not installed. Install it with "
            "`pip install 'fused-encoder[faiss]'`."
        ) from error
    return faiss


def is_worth_it(num: int) -> bool:
    """Whether faiss is installed and a matrix of so many rows is large enough for it."""
    return num >= FROM_ROWS and is_installed()


def candidates(
    embeddings: np.ndarray, queries: np.ndarray, k: int, rounding: float
) -> list[np.ndarray | None]:
    """For each query the positions that may be among its k nearest, in increasing order.

    The matrix is not copied.

    Args:
        embeddings: float32 [num, size].
        queries: float32 [num_queries, size].
        k: int >= 1, below num.
        rounding: float, by how much a product may be off.
    Returns:
        int64 [found] for each query; None where so many rows are equally near that they must be told apart by
        a scan.
    """
    faiss = import_faiss("This scan")
    if len(queries) == 0:
        return []
    num_found = min(len(embeddings), k + SPARE)
    similarities, places = faiss.knn(
        queries, embeddings, num_found, metric=faiss.METRIC_INNER_PRODUCT
    )
    is_complete = num_found == len(embeddings)
    is_sure = similarities[:, -1] < similarities[:, k - 1] - rounding
    return [
        some if sure or is_complete else None
        for some, sure in zip(np.sort(places, axis=1), is_sure, strict=True)
    ]
