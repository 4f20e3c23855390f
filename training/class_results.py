"""Class by class: how well each is found, and which others its queries find instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.metrics import confusion_counts


@dataclass(frozen=True)
class ClassResult:
    """How well the queries of one class find it.

    Args:
        name: the class.
        num_queries: int, answerable ones; 0 where the gallery does not have the class.
        precision_at_1: float in [0, 1], the share of them whose nearest neighbour is of the class; NaN
            without queries, as the next two.
        r_precision: float in [0, 1].
        mean_average_precision_at_r: float in [0, 1].
        taken_for: the other class that their nearest neighbours most often belong to; None for none.
        num_taken_for: int, how often.
    """

    name: str
    num_queries: int
    precision_at_1: float
    r_precision: float
    mean_average_precision_at_r: float
    taken_for: str | None
    num_taken_for: int


def class_results(
    per_query: dict[str, np.ndarray],
    labels: np.ndarray,
    found: np.ndarray,
    class_names: Sequence[str],
) -> list[ClassResult]:
    """The result of every class, in the order of the names.

    Args:
        per_query: from `retrieval_metrics_per_query`.
        labels: str [num_queries], what asked.
        found: str [num_queries], the class of each one's nearest neighbour.
        class_names: of all classes.
    """
    confusions = confusion_counts(labels, found, class_names)
    np.fill_diagonal(confusions, 0)
    results = []
    for name, others in zip(class_names, confusions, strict=True):
        is_asked = (labels == name) & np.isfinite(per_query["precision_at_1"])

        def mean(metric: str, rows: np.ndarray = is_asked) -> float:
            return float(per_query[metric][rows].mean()) if rows.any() else float("nan")

        results.append(
            ClassResult(
                name,
                int(is_asked.sum()),
                mean("precision_at_1"),
                mean("r_precision"),
                mean("mean_average_precision_at_r"),
                class_names[int(others.argmax())] if others.any() else None,
                int(others.max()),
            )
        )
    return results


def common_confusions(
    confusion: np.ndarray, class_names: Sequence[str], at_most: int = 15
) -> list[tuple[str, str, int, float]]:
    """Which classes are most often taken for which.

    Args:
        confusion: int [num_classes, num_classes], from `confusion_counts`.
        class_names: of its rows and columns.
        at_most: int >= 0.

    Returns:
        Class asked, class found, how often, and the share of the asked class's queries; the most
        frequent first.
    """
    num_queries = confusion.sum(axis=1)
    wrong = [
        (class_names[i], class_names[j], int(confusion[i, j]), confusion[i, j] / num_queries[i])
        for i, j in zip(*np.nonzero(confusion), strict=True)
        if i != j
    ]
    return sorted(wrong, key=lambda row: (-row[2], -row[3], row[0], row[1]))[:at_most]
