"""Divides rows into groups by their nearness (faiss IVF), and measures what searching few of them misses."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

import numpy as np

from inference.index.exact_scan import nearest
from inference.index.faiss_scan import import_faiss
from inference.index.store import Approximation

if TYPE_CHECKING:
    import faiss

logger = logging.getLogger(__name__)

ROWS_PER_LIST_TO_TRAIN = 64
ROWS_AT_ONCE = 65_536
MOST_QUERIES = 1000  # half of them choose the number of groups, the other half measure
K = 10


def build_ivf(
    embeddings: np.ndarray, positions: np.ndarray, rows: np.ndarray, target_recall: float
) -> tuple[faiss.Index, Approximation]:
    """Groups of these rows, which are known by their positions.

    Args:
        embeddings: float32 [num, size], unit length.
        positions: int64 [num], unique.
        rows: int64 [num_rows], which rows are taken.
        target_recall: float in (0, 1]; as many groups are searched as find this share of the ten nearest.
    """
    faiss = import_faiss("Approximate search")
    size = embeddings.shape[1]
    num_lists = 2 ** round(math.log2(2 * math.sqrt(len(rows))))
    ivf = faiss.IndexIVFFlat(faiss.IndexFlatIP(size), size, num_lists, faiss.METRIC_INNER_PRODUCT)
    ivf.cp.spherical = True  # the middle of a group is of unit length too
    rng = np.random.default_rng(0)
    num_to_train = min(len(rows), ROWS_PER_LIST_TO_TRAIN * num_lists)
    ivf.train(embeddings[np.sort(rng.choice(rows, num_to_train, replace=False))])
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = rows[start : start + ROWS_AT_ONCE]
        ivf.add_with_ids(embeddings[part], positions[part])
    approximation = _measured(ivf, embeddings, positions, rows, target_recall, rng)
    logger.info(
        "Approximate search: recall@10 %.4f, searching %d of %d groups.",
        approximation.recall_at_10,
        approximation.num_probes,
        num_lists,
    )
    if 4 * approximation.num_probes > num_lists:
        logger.warning(
            "These rows do not lie in groups: %d of %d must be searched. Exact search is about as quick.",
            approximation.num_probes,
            num_lists,
        )
    return ivf, approximation


def search_groups(ivf: faiss.Index, queries: np.ndarray, num: int, num_probes: int) -> np.ndarray:
    """int64 [num_queries, num]: what was found in the nearest groups, nearest first; -1 where no more was."""
    faiss = import_faiss("Approximate search")
    parameters = faiss.SearchParametersIVF(nprobe=num_probes)
    _, found = ivf.search(queries, num, params=parameters)
    return found


def _measured(
    ivf: faiss.IndexIVFFlat,
    embeddings: np.ndarray,
    positions: np.ndarray,
    rows: np.ndarray,
    target_recall: float,
    rng: np.random.Generator,
) -> Approximation:
    chosen = rng.permutation(rows)[:MOST_QUERIES]
    is_in = np.zeros(len(embeddings), dtype=bool)
    is_in[rows] = True
    # a row finds itself in any case: what counts are its ten nearest others
    passing = None if is_in.all() else is_in
    found = nearest(embeddings, embeddings[chosen], K + 1, passing=passing)
    own = positions[chosen]
    truth = [_others(positions[some], row) for (some, _), row in zip(found, own, strict=True)]
    middle = len(chosen) // 2
    num_probes = 1
    while True:
        tried = search_groups(ivf, embeddings[chosen], K + 1, num_probes)
        recalls = np.array(
            [
                np.isin(right, _others(some, row)).mean()
                for right, some, row in zip(truth, tried, own, strict=True)
            ]
        )
        if recalls[:middle].mean() >= target_recall or num_probes >= ivf.nlist:
            break
        num_probes = min(2 * num_probes, ivf.nlist)
    return Approximation(
        recall_at_10=float(recalls[middle:].mean()),
        num_queries=len(chosen) - middle,
        num_rows=len(rows),
        num_lists=int(ivf.nlist),
        num_probes=num_probes,
    )


def _others(found: np.ndarray, own: int) -> np.ndarray:
    return found[found != own][:K]
