"""Who is nearest: for each query the nearest row of its own label, and the nearest of any other."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from inference.metrics.retrieval import (
    SIMILARITY_STEPS,
    Labels,
    blocks_of_queries,
    check_sizes,
    labelled_rows,
)


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
    queries = labelled_rows("query", query_embeddings, query_labels)
    gallery = labelled_rows("gallery", gallery_embeddings, gallery_labels)
    check_sizes(queries, gallery)
    blocks = []
    for rows in blocks_of_queries(queries, gallery):
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
