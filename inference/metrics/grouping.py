"""How well a grouping matches the true individuals, and how far its count is off.

The names of groups do not matter, only which rows are together. There is no label for noise: an animal seen
once is an individual, so a row alone in its group is a group of one.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

Labels = Sequence[Hashable] | np.ndarray


class BCubed(NamedTuple):
    """B-cubed scores, each in [0, 1]."""

    precision: float
    recall: float
    f1: float


def bcubed(true_labels: Labels, predicted_labels: Labels) -> BCubed:
    """B-cubed precision, recall and F1: each row asks how pure and how complete its own group is.

    For a row i let P be all rows of its predicted group, T all rows of its true individual, itself included
    in both. Its precision is |P and T| / |P|, its recall |P and T| / |T|; the scores are means over rows, F1
    their harmonic mean.

    Args:
        true_labels: str or int [num], num >= 1.
        predicted_labels: str or int [num].
    Returns:
        BCubed(precision, recall, f1).
    Raises:
        ValueError: no rows, or another number of true than predicted labels.
    Reference:
        Amigó, Gonzalo, Artiles and Verdejo, A comparison of extrinsic clustering evaluation metrics based on
        formal constraints, 2009, https://doi.org/10.1007/s10791-008-9066-8
    """
    true, predicted = _codes(true_labels, predicted_labels)
    pairs, num_both = np.unique(np.stack([true, predicted]), axis=1, return_counts=True)
    precision = float((num_both**2 / np.bincount(predicted)[pairs[1]]).sum() / len(true))
    recall = float((num_both**2 / np.bincount(true)[pairs[0]]).sum() / len(true))
    return BCubed(precision, recall, 2 * precision * recall / (precision + recall))


def grouping_metrics(true_labels: Labels, predicted_labels: Labels) -> dict[str, float]:
    """All grouping metrics under their names.

    Args and Raises are those of `bcubed`.

    Returns:
        "bcubed_precision", "bcubed_recall", "bcubed_f1": as `bcubed`.
        "adjusted_rand_index" (agreement on pairs of rows), "adjusted_mutual_information": corrected for
        chance, 1 for the true grouping, about 0 for a random one.
        "pair_precision", "pair_recall": of the pairs of rows that are together, how many are rightly so;
        of those that should be, how many are. 1 where there are none. Large individuals have most pairs.
        "wrong_splits": groups that an individual has beyond its first, over all individuals.
        "wrong_merges": individuals that a group has beyond its first, over all groups.
        "count_error": individuals counted minus individuals there, which is wrong splits minus wrong
        merges; "absolute_count_error".
    """
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score
    from sklearn.metrics.cluster import pair_confusion_matrix

    true, predicted = _codes(true_labels, predicted_labels)
    scores = bcubed(true, predicted)
    (_, wrongly), (missed, rightly) = pair_confusion_matrix(true, predicted).tolist()
    num_true, num_predicted = int(true.max()) + 1, int(predicted.max()) + 1
    num_both = np.unique(np.stack([true, predicted]), axis=1).shape[1]
    return {
        "bcubed_precision": scores.precision,
        "bcubed_recall": scores.recall,
        "bcubed_f1": scores.f1,
        "adjusted_rand_index": float(adjusted_rand_score(true, predicted)),
        "adjusted_mutual_information": float(adjusted_mutual_info_score(true, predicted)),
        "pair_precision": rightly / (rightly + wrongly) if rightly + wrongly else 1.0,
        "pair_recall": rightly / (rightly + missed) if rightly + missed else 1.0,
        "wrong_splits": float(num_both - num_true),
        "wrong_merges": float(num_both - num_predicted),
        "count_error": float(num_predicted - num_true),
        "absolute_count_error": float(abs(num_predicted - num_true)),
    }


def _codes(true_labels: Labels, predicted_labels: Labels) -> tuple[np.ndarray, np.ndarray]:
    """Both labellings as int64 [num], numbered from 0."""
    true, predicted = np.asarray(true_labels), np.asarray(predicted_labels)
    if true.ndim != 1 or true.shape != predicted.shape or len(true) == 0:
        raise ValueError(
            "true_labels and predicted_labels must hold one label per row, for the same rows and at least "
            f"one; received the shapes {list(true.shape)} and {list(predicted.shape)}."
        )
    return np.unique(true, return_inverse=True)[1], np.unique(predicted, return_inverse=True)[1]
