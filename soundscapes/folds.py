"""Splits and folds: no recordist, tape or outing on both sides, and each species on both where it can be."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from soundscapes.recordings import LabelledRecordings
from triplets.splits import content_source


def split_recordings(
    recordings: LabelledRecordings, *, num_folds: int = 5, seed: int = 0
) -> tuple[LabelledRecordings, LabelledRecordings]:
    """To train on and to evaluate: the first of `num_folds` folds is held out, 20 % by default.

    See `fold_recordings` for arguments and errors.
    """
    return next(fold_recordings(recordings, num_folds=num_folds, seed=seed))


def fold_recordings(
    recordings: LabelledRecordings, *, num_folds: int = 5, seed: int = 0
) -> Iterator[tuple[LabelledRecordings, LabelledRecordings]]:
    """Training and held-out recordings, `num_folds` times; each source is held out once at most.

    Stratified by main species and grouped by source, so that what comes from one recordist, tape or outing
    stays together; copies of a file do without being named. A species whose recordings would all be held
    out is trained on instead: it is in no evaluation of that fold.

    Args:
        recordings: from `scan_recordings` or `read_recordings`.
        num_folds: int >= 2.
        seed: the same seed gives the same folds.

    Raises:
        ValueError: `num_folds` is below 2 or above the number of sources, or nothing can be held out.
    Reference:
        `sklearn.model_selection.StratifiedGroupKFold`.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    if num_folds < 2:
        raise ValueError(f"Expected num_folds of at least 2, received {num_folds}.")
    sources = _sources(recordings)
    if sources.max() + 1 < num_folds:
        raise ValueError(
            f"{num_folds} folds need at least {num_folds} sources, received {sources.max() + 1}. Ask for "
            "fewer folds, or name sources that are smaller."
        )
    primary = recordings.primary
    folds = StratifiedGroupKFold(num_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():  # that species have fewer recordings than there are folds
        warnings.simplefilter("ignore", UserWarning)
        splits = list(folds.split(primary, primary, sources))
    for training, held_out in splits:
        training, held_out = _with_every_species(training, held_out, primary, sources)
        if not len(held_out):
            raise ValueError(
                "Nothing can be held out: each species has a single source. Add recordings of other "
                "recordists, or name sources that are smaller."
            )
        yield recordings.only(training), recordings.only(held_out)


def _with_every_species(
    training: np.ndarray, held_out: np.ndarray, primary: np.ndarray, sources: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Moves the sources of species that would not be trained on; a source may hold several species."""
    left = Counter(primary[training])
    untrained = np.isin(primary[held_out], [p for p in set(primary) if not left[p]])
    moved = np.isin(sources[held_out], sources[held_out][untrained])
    return np.sort(np.concatenate([training, held_out[moved]])), held_out[~moved]


def _sources(recordings: Sequence) -> np.ndarray:
    """int64 [num_recordings], equal for recordings of one source, or of one content."""
    named = [one.source or content_source(one.path) for one in recordings]
    return np.unique(named, return_inverse=True)[1]
