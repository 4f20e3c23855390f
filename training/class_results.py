"""Class by class: how well each is found, and which others its queries find instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inference.metrics import confusion_counts

METRICS = ("precision_at_1", "r_precision", "mean_average_precision_at_r")


@dataclass(frozen=True)
class ClassResult:
    """How well the queries of one class find it; NaN without queries."""

    name: str
    num_queries: int  # answerable ones; 0 where the gallery does not have the class
    precision_at_1: float  # in [0, 1], the share of them whose nearest neighbour is of the class
    r_precision: float  # in [0, 1]
    mean_average_precision_at_r: float  # in [0, 1]
    taken_for: str | None  # the other class that their nearest neighbours most often belong to
    num_taken_for: int  # how often


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

        taken_for = class_names[int(others.argmax())] if others.any() else None
        precision, r_precision, map_at_r = (mean(name) for name in METRICS)
        num_queries, num_taken_for = int(is_asked.sum()), int(others.max())
        means = (precision, r_precision, map_at_r)
        results.append(ClassResult(name, num_queries, *means, taken_for, num_taken_for))
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
