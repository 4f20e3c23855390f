"""How well scores tell species: of recordings by their main species, and of all species they hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class SoundMeasures:
    """What scores of recordings, or of segments of soundscapes, are worth.

    Attributes:
        top1: share whose highest score is of the main species; NaN where there is none.
        average_precision: mean over species that are there, of each species' average precision over all
            rows (cmAP of BirdCLEF without its padding).
        auroc: mean over species that are in some rows and not in all, of each species' AUROC.
        num_rows: recordings or segments.
        num_species: that `average_precision` is the mean of.
    """

    top1: float
    average_precision: float
    auroc: float
    num_rows: int
    num_species: int


def measure_scores(
    scores: npt.ArrayLike, labels: npt.ArrayLike, primary: npt.ArrayLike | None = None
) -> SoundMeasures:
    """Measures scores against labels.

    Args:
        scores: float [num_rows, num_classes], higher means surer.
        labels: [num_rows, num_classes], 0 or 1.
        primary: int [num_rows], the main species; None: top1 is not asked for.

    Raises:
        ValueError: the shapes differ, scores are NaN, or no species is in any row.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    scores, labels = np.asarray(scores, np.float64), np.asarray(labels) > 0.5
    if scores.shape != labels.shape or scores.ndim != 2 or np.isnan(scores).any():
        raise ValueError(
            "Expected scores and labels [num_rows, num_classes] without NaN, received "
            f"{list(scores.shape)} and {list(labels.shape)} with {int(np.isnan(scores).sum())} NaN."
        )
    present = np.any(labels, axis=0)
    if not present.any():
        raise ValueError("No species is in any row: nothing can be measured.")
    ranked = present & ~np.all(labels, axis=0)
    precisions = [
        average_precision_score(labels[:, k], scores[:, k]) for k in np.flatnonzero(present)
    ]
    areas = [roc_auc_score(labels[:, k], scores[:, k]) for k in np.flatnonzero(ranked)]
    is_first = None if primary is None else scores.argmax(axis=1) == np.asarray(primary)
    return SoundMeasures(
        top1=float("nan") if is_first is None else float(is_first.mean()),
        average_precision=float(np.mean(precisions)),
        auroc=float(np.mean(areas)) if areas else float("nan"),
        num_rows=len(scores),
        num_species=int(present.sum()),
    )
