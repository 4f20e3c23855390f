"""Metrics of retrieval and of grouping into individuals."""

from inference.metrics.bootstrap import bootstrap_interval, two_way_bootstrap_interval
from inference.metrics.grouping import BCubed, bcubed, grouping_metrics
from inference.metrics.retrieval import (
    RightAndWrong,
    confusion_counts,
    mean_over_queries,
    nearest_right_and_wrong,
    retrieval_metrics,
    retrieval_metrics_per_query,
)

__all__ = [
    "retrieval_metrics",
    "retrieval_metrics_per_query",
    "mean_over_queries",
    "RightAndWrong",
    "nearest_right_and_wrong",
    "confusion_counts",
    "BCubed",
    "bcubed",
    "grouping_metrics",
    "bootstrap_interval",
    "two_way_bootstrap_interval",
]
