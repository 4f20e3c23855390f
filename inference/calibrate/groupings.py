"""How embeddings of each modality are grouped, learnt beside what their similarities mean."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from inference.calibrate.calibration import Calibration
from inference.embeddings import check_embeddings
from inference.grouping.rule import fit_grouping_rule
from inference.modalities import MODALITIES, Modality

LEAST_INDIVIDUALS = 4


def with_groupings(
    calibration: Calibration,
    embeddings: npt.ArrayLike,
    individuals: Sequence[Hashable] | np.ndarray,
    *,
    modalities: Sequence[Modality] | np.ndarray | Modality = "image",
    sources: Sequence[Hashable] | np.ndarray | None = None,
    seed: int = 0,
) -> Calibration:
    """The calibration with a grouping rule for each modality that has enough individuals.

    Without one, grouping joins down to log-odds 0 of the pairs, and a count has no learnt interval.

    Args:
        calibration: of the same encoder.
        embeddings: float32 [num, size], unit length, of individuals that the encoder was not trained on. What
            will be grouped should be alike: single crops, or tracklets (all rows of one, with the
            tracklet as source).
        individuals: str or int [num].
        modalities: of each row, or one for all.
        sources: str or int [num]; rows of one individual in one source are pooled. None: no two are.
        seed: int.

    Returns:
        The calibration with `groupings` of the modalities in which at least four individuals were seen, two
        of them in two sources; others as before.

    Raises:
        ValueError: as `fit_grouping_rule`, or the calibration is of another encoder.
    """
    calibration.check_fingerprint(embeddings)
    checked = check_embeddings(embeddings)
    who = np.unique(np.asarray(individuals), return_inverse=True)[1]
    of_row = np.broadcast_to(np.asarray(modalities), len(checked))
    where = np.arange(len(checked)) if sources is None else np.asarray(sources)
    rules = dict(calibration.groupings)
    for modality in MODALITIES:
        rows = np.flatnonzero(of_row == modality)
        if _has_enough(who[rows], where[rows]):
            rules[modality] = fit_grouping_rule(
                checked[rows], who[rows], sources=where[rows], seed=seed
            )
    return replace(calibration, groupings=rules)


def _has_enough(individual_of: np.ndarray, sources: np.ndarray) -> bool:
    """Whether there are four individuals, two of them in two sources."""
    pairs = {(who, str(where)) for who, where in zip(individual_of.tolist(), sources, strict=True)}
    times = np.bincount(np.array([who for who, _ in pairs], int), minlength=1)
    return int((times > 0).sum()) >= LEAST_INDIVIDUALS and int((times > 1).sum()) >= 2
