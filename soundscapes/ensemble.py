"""Scores of several classifiers as one: their mean, the lowest, or the mean of their ranks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from media.wording import some_names

Ensemble = Literal["mean", "min", "rank"]
ENSEMBLES: tuple[Ensemble, ...] = get_args(Ensemble)


def combine_scores(scores: Sequence[npt.ArrayLike], how: Ensemble = "mean") -> np.ndarray:
    """The scores of an ensemble.

    The mean keeps calibrated scores nearly calibrated. The lowest asks that all agree: fewer false positives
    at the same threshold. The mean of ranks needs no common scale of the classifiers, and gives none: it
    orders the rows of each class (in (0, 1], the highest score 1), and is no probability.

    Args:
        scores: float [num_rows, num_classes] of each classifier, in [0, 1]. NaN where a classifier heard
            nothing: there the others decide.
        how: "mean", "min" or "rank".

    Returns:
        float32 [num_rows, num_classes]; NaN where no classifier heard anything.

    Raises:
        ValueError: an unknown `how`, no classifier, or different shapes.

    Example:
        >>> combine_scores([[[0.2]], [[0.6]]]).item()
        0.4000000059604645
    """
    if how not in ENSEMBLES:
        raise ValueError(f"Expected an ensemble of {', '.join(ENSEMBLES)}, received {how!r}.")
    each = [np.asarray(one, np.float32) for one in scores]
    shapes = {one.shape for one in each}
    if len(shapes) != 1 or each[0].ndim != 2:
        raise ValueError(
            "Expected scores [num_rows, num_classes] of at least one classifier, all of one shape; received "
            f"{sorted(map(list, shapes))}."
        )
    if how == "rank":
        each = [_ranks(one) for one in each]
    stacked = np.stack(each)
    if how == "min":
        return np.fmin.reduce(stacked)
    is_known = ~np.isnan(stacked)
    sums = np.where(is_known, stacked, 0).sum(axis=0)
    num_known = is_known.sum(axis=0)
    return np.where(num_known > 0, sums / np.maximum(num_known, 1), np.nan).astype(np.float32)


def _ranks(scores: np.ndarray) -> np.ndarray:
    """Within each class, in (0, 1]; equal scores share their mean rank."""
    if not scores.size:
        return scores
    ranks = rankdata(scores, axis=0, nan_policy="omit")
    return (ranks / np.maximum((~np.isnan(scores)).sum(axis=0), 1)).astype(np.float32)


def common_classes(
    class_names: Sequence[Sequence[str]], species: Sequence[str] | None = None
) -> list[np.ndarray]:
    """How the classes of each classifier stand in the order of the first, or of some species.

    Args:
        class_names: of each classifier.
        species: the classes that are asked for. Default: all, in the order of the first classifier.

    Returns:
        int [num_classes] of each: its columns in that order.

    Raises:
        ValueError: they do not know the same classes, or not the species; it names what is missing where.
    """
    first = list(class_names[0])
    if unknown := sorted({*(species or ())} - {*first}):
        raise ValueError(
            f"The classifier does not know {some_names(unknown)}. It knows {len(first)} species: "
            f"{some_names(first, 30)}."
        )
    problems = []
    for number, names in enumerate(class_names[1:], start=2):
        missing, more = sorted({*first} - {*names}), sorted({*names} - {*first})
        if missing or more:
            problems.append(
                f"classifier {number} lacks {missing[:5] or 'nothing'}, has besides {more[:5] or 'nothing'}"
            )
    if problems:
        raise ValueError(
            f"An ensemble needs classifiers of the same classes as the first: {'; '.join(problems)}."
        )
    places = [{name: place for place, name in enumerate(names)} for names in class_names]
    return [np.array([place[name] for name in species or first]) for place in places]
