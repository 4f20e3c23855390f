"""How well queries find their own kind in a gallery: precision at k, R-precision, MAP@R, who is nearest.

A gallery row is relevant to a query if it has the query's label. For a query with R relevant rows

    precision at k  = relevant among the k nearest / k
    R-precision     = relevant among the R nearest / R
    MAP@R           = 1/R * sum over ranks i <= R of (precision at i if the row at rank i is relevant else 0)

Equals are ranked with the irrelevant rows first: an encoder that maps everything to one point scores 0, in
whatever order the gallery stands. A query without a relevant row cannot be answered; it is left out of every
mean.

Reference:
    Musgrave, Belongie and Lim, A Metric Learning Reality Check, 2020, https://arxiv.org/abs/2003.08505 (we
    add the rule for equals).
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.embeddings import check_embeddings

Labels = Sequence[Hashable] | np.ndarray

SIMILARITIES_AT_ONCE = 2**22
SIMILARITY_STEPS = 10**9  # similarities that agree to 9 decimals are equal
LAST = np.int64(2**62)  # sorts behind every similarity, and is even: not relevant


def retrieval_metrics_per_query(
    query_embeddings: npt.ArrayLike,
    query_labels: Labels,
    gallery_embeddings: npt.ArrayLike | None = None,
    gallery_labels: Labels | None = None,
    *,
    k: int = 5,
) -> dict[str, np.ndarray]:
    """Every retrieval metric for every query; each is what `bootstrap_interval` takes.

    Args:
        query_embeddings: float32 [num_queries, size], unit length.
        query_labels: str or int [num_queries].
        gallery_embeddings: float32 [num_gallery, size], unit length. None: the queries are the gallery, and
            no query finds itself.
        gallery_labels: str or int [num_gallery]; left out together with `gallery_embeddings`.
        k: int >= 1, for precision at k. Default 5.
    Returns:
        float64 [num_queries], in [0, 1], NaN for queries without a relevant row, under each of the names
        "precision_at_1", "precision_at_<k>", "r_precision" and "mean_average_precision_at_r" (there the
        average precision of one query).
    Raises:
        ValueError: lengths or sizes that do not fit, NaN, not of unit length, k < 1.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, received {k}.")
    is_itself = gallery_embeddings is None
    queries, gallery = _sides(query_embeddings, query_labels, gallery_embeddings, gallery_labels)
    per_query: dict[str, list[np.ndarray]] = {}
    for rows in _blocks(queries, gallery):
        is_relevant, num_relevant = _ranked_relevance(queries, gallery, rows, k, is_itself)
        for name, values in _metrics(is_relevant, num_relevant, k).items():
            per_query.setdefault(name, []).append(np.where(num_relevant > 0, values, np.nan))
    return {name: np.concatenate(blocks) for name, blocks in per_query.items()}


def retrieval_metrics(
    query_embeddings: npt.ArrayLike,
    query_labels: Labels,
    gallery_embeddings: npt.ArrayLike | None = None,
    gallery_labels: Labels | None = None,
    *,
    k: int = 5,
) -> dict[str, float]:
    """The mean of every retrieval metric over the queries that have a relevant row.

    Args are those of `retrieval_metrics_per_query`.

    Returns:
        "precision_at_1", "precision_at_<k>", "r_precision", "mean_average_precision_at_r", each in [0, 1];
        "num_queries" (answerable, in the means) and "num_queries_without_match" (left out).
    Raises:
        ValueError: no query has a relevant row; or as `retrieval_metrics_per_query`.
    """
    return mean_over_queries(
        retrieval_metrics_per_query(
            query_embeddings, query_labels, gallery_embeddings, gallery_labels, k=k
        )
    )


def mean_over_queries(per_query: dict[str, np.ndarray]) -> dict[str, float]:
    """`retrieval_metrics` from what `retrieval_metrics_per_query` gave."""
    is_answerable = np.isfinite(per_query["precision_at_1"])
    if not is_answerable.any():
        raise ValueError(
            f"None of the {len(is_answerable)} queries has a row of its own label in the gallery (itself "
            "apart), so there is nothing to measure. Check that both sides use the same labels."
        )
    means = {name: float(values[is_answerable].mean()) for name, values in per_query.items()}
    num = int(is_answerable.sum())
    return means | {
        "num_queries": float(num),
        "num_queries_without_match": float(len(is_answerable) - num),
    }


@dataclass(frozen=True)
class _Rows:
    """Queries or gallery: embeddings float64 [num, size], labels [num]."""

    embeddings: np.ndarray
    labels: np.ndarray


def _sides(
    query_embeddings: npt.ArrayLike,
    query_labels: Labels,
    gallery_embeddings: npt.ArrayLike | None,
    gallery_labels: Labels | None,
) -> tuple[_Rows, _Rows]:
    """Both sides, checked; without a gallery the queries are it."""
    queries = _rows("query", query_embeddings, query_labels)
    if gallery_embeddings is None:
        return queries, queries
    gallery = _rows("gallery", gallery_embeddings, gallery_labels)
    if queries.embeddings.shape[1] != gallery.embeddings.shape[1]:
        raise ValueError(
            "query_embeddings and gallery_embeddings must be of one size, received "
            f"{list(queries.embeddings.shape)} and {list(gallery.embeddings.shape)}."
        )
    return queries, gallery


def _rows(name: str, embeddings: npt.ArrayLike, labels: Labels | None) -> _Rows:
    checked = check_embeddings(embeddings, name=f"{name}_embeddings")
    if labels is None or len(labels) != len(checked):
        raise ValueError(
            f"{name}_labels must hold one value for each of the {len(checked)} rows of "
            f"{name}_embeddings, received {'none' if labels is None else len(labels)}."
        )
    return _Rows(np.asarray(checked, np.float64), np.asarray(labels))


def _blocks(queries: _Rows, gallery: _Rows) -> list[np.ndarray]:
    """Rows of the queries that are compared with the gallery at once; at least one block."""
    at_once = max(1, SIMILARITIES_AT_ONCE // max(1, len(gallery.labels)))
    rows = np.arange(len(queries.labels))
    return [rows[start : start + at_once] for start in range(0, max(1, len(rows)), at_once)]


def _ranked_relevance(
    queries: _Rows, gallery: _Rows, rows: np.ndarray, k: int, is_itself: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Whether the row at each rank is relevant, bool [num, ranks], and R, int [num], of these queries."""
    is_relevant = queries.labels[rows, None] == gallery.labels[None, :]
    if is_itself:
        is_relevant[np.arange(len(rows)), rows] = False
    similarities = queries.embeddings[rows] @ gallery.embeddings.T
    # One integer holds rank and relevance: sorting ranks by similarity, equals with the irrelevant first.
    keys = np.rint(-similarities * SIMILARITY_STEPS).astype(np.int64) * 2 + is_relevant
    if is_itself:
        keys[np.arange(len(rows)), rows] = LAST
    keys.sort(axis=1)
    missing = max(0, k - keys.shape[1])
    return np.pad((keys & 1).astype(bool), ((0, 0), (0, missing))), is_relevant.sum(axis=1)


def _metrics(is_relevant: np.ndarray, num_relevant: np.ndarray, k: int) -> dict[str, np.ndarray]:
    ranks = np.arange(1, is_relevant.shape[1] + 1)
    found = np.cumsum(is_relevant, axis=1)
    within_r = is_relevant & (ranks <= num_relevant[:, None])
    divisor = np.maximum(num_relevant, 1)
    return {
        "precision_at_1": found[:, 0] / 1,
        f"precision_at_{k}": found[:, k - 1] / k,
        "r_precision": within_r.sum(axis=1) / divisor,
        "mean_average_precision_at_r": (within_r * found / ranks).sum(axis=1) / divisor,
    }


@dataclass(frozen=True)
class RightAndWrong:
    """The nearest gallery rows of each query's own label, and of other labels."""

    right: np.ndarray  # int [num_queries]; -1 where there is none
    wrong: np.ndarray  # likewise
    right_similarities: np.ndarray  # float64 [num_queries], cosine, to 9 decimals; else -inf
    wrong_similarities: np.ndarray

    @property
    def gaps(self) -> np.ndarray:
        """How much nearer the right label is than the best wrong one, float64 [num]; NaN without both."""
        is_known = (self.right >= 0) & (self.wrong >= 0)
        gaps = np.full(len(self.right), np.nan)
        gaps[is_known] = self.right_similarities[is_known] - self.wrong_similarities[is_known]
        return gaps

    @property
    def nearest(self) -> np.ndarray:
        """The nearest row, int [num_queries]; -1 where the gallery is empty."""
        return np.where(self.right_similarities > self.wrong_similarities, self.right, self.wrong)


def nearest_right_and_wrong(
    query_embeddings: npt.ArrayLike,
    query_labels: Labels,
    gallery_embeddings: npt.ArrayLike,
    gallery_labels: Labels,
) -> RightAndWrong:
    """For each query the nearest gallery row of its label and the nearest of another.

    Where both are equally near, the wrong one counts as nearest, as in precision at 1. Embeddings are float32
    [num, size], unit length; labels str or int [num].

    Raises:
        ValueError: lengths or sizes that do not fit, NaN, not of unit length.
    """
    queries, gallery = _sides(query_embeddings, query_labels, gallery_embeddings, gallery_labels)
    blocks = []
    for rows in _blocks(queries, gallery):
        similarities = queries.embeddings[rows] @ gallery.embeddings.T
        similarities = np.rint(similarities * SIMILARITY_STEPS) / SIMILARITY_STEPS
        is_right = queries.labels[rows, None] == gallery.labels[None, :]
        blocks.append([*_nearest(similarities, is_right), *_nearest(similarities, ~is_right)])
    right, right_similarities, wrong, wrong_similarities = map(
        np.concatenate, zip(*blocks, strict=True)
    )
    return RightAndWrong(right, wrong, right_similarities, wrong_similarities)


def confusion_counts(
    true_labels: Labels, found_labels: Labels, label_names: Sequence[Hashable]
) -> np.ndarray:
    """How often queries of one label found a neighbour of another.

    Returns:
        int64 [num_labels, num_labels], in the order of `label_names`: row, the query's label; column, that of
        its nearest neighbour.
    Raises:
        KeyError: a label that is not among the names.
        ValueError: lists of different length.
    """
    number = {name: index for index, name in enumerate(label_names)}
    counts = np.zeros((len(number), len(number)), np.int64)
    pairs = zip(np.asarray(true_labels).tolist(), np.asarray(found_labels).tolist(), strict=True)
    for true_label, found_label in pairs:
        counts[number[true_label], number[found_label]] += 1
    return counts


def _nearest(similarities: np.ndarray, is_allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest allowed row of each query, int [num] or -1, and its similarity or -inf."""
    allowed = np.where(is_allowed, similarities, -np.inf)
    if not allowed.shape[1]:
        return np.full(len(allowed), -1), np.full(len(allowed), -np.inf)
    rows = allowed.argmax(axis=1)
    best = allowed[np.arange(len(allowed)), rows]
    return np.where(np.isfinite(best), rows, -1), best
