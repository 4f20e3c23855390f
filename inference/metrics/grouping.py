"""How well a grouping matches the true individuals, and how far its count is off.

The names of groups do not matter, only which rows are together. There is no label for noise: an animal seen
once is an individual, so a row alone in its group is a group of one.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

Labels = Sequence[Hashable] | np.ndarray


class BCubed(NamedTuple):
    """B-cubed scores, each in [0, 1]."""

    precision: float
    recall: float
    f1: float


class PairScores(NamedTuple):
    """Precision and recall over pairs of rows, each in [0, 1]."""

    precision: float
    recall: float


class GroupingErrors(NamedTuple):
    """What it would take to put a grouping right, splits and merges apart.

    Attributes:
        wrong_splits: int, groups that an individual has beyond its first, over all individuals.
        wrong_merges: int, individuals that a group has beyond its first, over all groups.
    """

    wrong_splits: int
    wrong_merges: int


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


def pair_scores(true_labels: Labels, predicted_labels: Labels) -> PairScores:
    """Of the pairs of rows that are together, how many are rightly so; of those that should be, how many are.

    Where no two rows are (or should be) together, the score is 1. Large individuals have most pairs, and so
    decide these scores; B-cubed counts every row alike.

    Args and Raises are those of `bcubed`.

    Returns:
        PairScores(precision, recall).
    """
    true, predicted = _codes(true_labels, predicted_labels)
    _, both = np.unique(np.stack([true, predicted]), axis=1, return_counts=True)
    num_both, num_true, num_predicted = (
        int((sizes * (sizes - 1) // 2).sum())
        for sizes in (both, np.bincount(true), np.bincount(predicted))
    )
    return PairScores(
        num_both / num_predicted if num_predicted else 1.0,
        num_both / num_true if num_true else 1.0,
    )


def grouping_errors(true_labels: Labels, predicted_labels: Labels) -> GroupingErrors:
    """Wrong splits and wrong merges; their difference is the count error.

    Args and Raises are those of `bcubed`.

    Returns:
        GroupingErrors(wrong_splits, wrong_merges).
    """
    true, predicted = _codes(true_labels, predicted_labels)
    num_both = len(np.unique(np.stack([true, predicted]), axis=1).T)
    return GroupingErrors(num_both - int(true.max() + 1), num_both - int(predicted.max() + 1))


def count_error(true_labels: Labels, predicted_labels: Labels) -> int:
    """Individuals counted minus individuals there: positive for an overcount.

    Args and Raises are those of `bcubed`.
    """
    true, predicted = _codes(true_labels, predicted_labels)
    return int(predicted.max() - true.max())


def grouping_metrics(true_labels: Labels, predicted_labels: Labels) -> dict[str, float]:
    """All grouping metrics under their names.

    Beside those of this file: "adjusted_rand_index" (agreement on pairs of rows) and
    "adjusted_mutual_information", both corrected for chance: 1 for the true grouping, about 0 for a
    random one. Args and Raises are those of `bcubed`.
    """
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

    codes = _codes(true_labels, predicted_labels)
    scores = bcubed(true_labels, predicted_labels)
    pairs = pair_scores(true_labels, predicted_labels)
    errors = grouping_errors(true_labels, predicted_labels)
    signed = count_error(true_labels, predicted_labels)
    return {
        "bcubed_precision": scores.precision,
        "bcubed_recall": scores.recall,
        "bcubed_f1": scores.f1,
        "adjusted_rand_index": float(adjusted_rand_score(*codes)),
        "adjusted_mutual_information": float(adjusted_mutual_info_score(*codes)),
        "pair_precision": pairs.precision,
        "pair_recall": pairs.recall,
        "wrong_splits": float(errors.wrong_splits),
        "wrong_merges": float(errors.wrong_merges),
        "count_error": float(signed),
        "absolute_count_error": float(abs(signed)),
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
