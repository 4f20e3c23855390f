"""Metrics of retrieval and of grouping into individuals."""

from inference.metrics.bootstrap import bootstrap_interval, two_way_bootstrap_interval
from inference.metrics.grouping import (
    BCubed,
    GroupingErrors,
    PairScores,
    adjusted_mutual_information,
    adjusted_rand_index,
    bcubed,
    count_error,
    grouping_errors,
    grouping_metrics,
    pair_scores,
)
from inference.metrics.neighbours import (
    RightAndWrong,
    confusion_counts,
    nearest_right_and_wrong,
)
from inference.metrics.retrieval import (
    mean_average_precision_at_r,
    mean_over_queries,
    precision_at_1,
    precision_at_k,
    r_precision,
    retrieval_metrics,
    retrieval_metrics_per_query,
)

__all__ = [
    # retrieval
    "precision_at_1",
    "precision_at_k",
    "r_precision",
    "mean_average_precision_at_r",
    "retrieval_metrics",
    "retrieval_metrics_per_query",
    "mean_over_queries",
    # who is nearest
    "RightAndWrong",
    "nearest_right_and_wrong",
    "confusion_counts",
    # grouping
    "BCubed",
    "bcubed",
    "PairScores",
    "pair_scores",
    "GroupingErrors",
    "grouping_errors",
    "adjusted_rand_index",
    "adjusted_mutual_information",
    "count_error",
    "grouping_metrics",
    # how sure
    "bootstrap_interval",
    "two_way_bootstrap_interval",
]
