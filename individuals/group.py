"""From embeddings to individuals: which rows show the same animal."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from individuals.grouping.constraints import (
    Atoms,
    Constraints,
    check_constraints,
    pool_rows,
    renamed,
)
from individuals.grouping.decision import Decision, decide_by
from inference.calibrate.calibration import Calibration
from inference.embeddings import check_embeddings
from inference.modalities import Modality
from inference.threshold import sum_within

LEAST_WEIGHT = 0.05  # of a row in its tracklet, however poor its quality
LARGE = 20_000  # rows from which float32 is kept
SORTED_BY = 4  # numbers of an embedding, which nearly always suffice


@dataclass(frozen=True)
class Conflict:
    """Two individuals that look alike enough to be one, but are known not to be. Worth a person's look.

    Attributes:
        first, second: int, the individuals.
        similarity: float, mean cosine similarity across both, at or above the threshold.
        rows: (int, int), the rows of a constraint that keeps them apart: seen in one frame, or in
            `cannot_link`.
    """

    first: int
    second: int
    similarity: float
    rows: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Grouping:
    """Rows grouped into individuals.

    Attributes:
        labels: int32 [num], the individual of each row, numbered from 0 by first appearance.
        num_individuals: int.
        threshold: float, the mean cosine similarity from which groups were joined; NaN where they were joined
            by log-odds of several modalities.
        conflicts: tuple of Conflict, most similar first.
    """

    labels: np.ndarray
    num_individuals: int
    threshold: float
    conflicts: tuple[Conflict, ...]

    def members(self) -> list[np.ndarray]:
        """The rows of each individual, int64 [rows], in the order of the individuals."""
        order = np.argsort(self.labels, kind="stable")
        ends = np.cumsum(np.bincount(self.labels, minlength=self.num_individuals))
        return np.split(order, ends)[:-1]


def group_individuals(
    embeddings: npt.ArrayLike,
    *,
    threshold: float | None = None,
    calibration: Calibration | None = None,
    modalities: Sequence[Modality] | Modality = "image",
    must_link: Iterable[tuple[int, int]] = (),
    cannot_link: Iterable[tuple[int, int]] = (),
    tracklets: Sequence[Hashable | None] | None = None,
    frames: Sequence[Hashable | None] | None = None,
    qualities: npt.ArrayLike | None = None,
) -> Grouping:
    """Group embeddings into individuals by average linkage under constraints.

    Rows of one tracklet are one individual and are pooled first, into their mean direction: three hundred
    frames of one bird are one observation. Then the two groups of the highest mean similarity (over pairs of
    pooled observations) become one, again and again, while it is at or above the threshold. Two rows of one
    frame are two animals; a merge that would make them one is refused at every step. An animal seen once is
    an individual.

    With a calibration instead of a threshold, the threshold that did best on its known individuals is taken.
    Where photos, calls and pairs are mixed, similarities do not compare; then groups are joined while the
    mean of the calibrated log-odds over their pairs is above 0.

    The answer does not depend on the order of the rows (where similarities are exactly equal, on the order of
    equal rows only). Exact up to 30,000 observations, above that a nearest neighbour may be missed.

    Args:
        embeddings: float32 [num, size], unit length.
        threshold: float in [-1, 1], mean cosine similarity. `suggest_threshold` finds one from labelled
            embeddings. Either this or `calibration`.
        calibration: of the encoder that made the embeddings.
        modalities: what each row was made of, or one for all. Default "image".
        must_link: pairs of rows that are one individual.
        cannot_link: pairs of rows that are not.
        tracklets: num hashable values, unique across videos, such as (video, number); None for a row without
            one.
        frames: num hashable values, such as (video, frame number); None for a row that belongs to no frame.
        qualities: float [num] in [0, 1], how well a row shows the animal; poor rows count less in their
            tracklet (never less than a twentieth). None: all alike.
    Raises:
        ValueError: NaN, not of unit length, a threshold outside [-1, 1], neither or both of threshold and
            calibration, a calibration of another encoder or without what is needed; or constraints that
            contradict each other, all named in one message.
    Example:
        >>> group_individuals([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], threshold=0.7).labels.tolist()
        [0, 0, 1]
    """
    checked = check_embeddings(embeddings)
    decision = decide_by(threshold, calibration, modalities, checked)
    known = {"must_link": must_link, "cannot_link": cannot_link}
    constraints = check_constraints(len(checked), **known, tracklets=tracklets, frames=frames)
    vectors = np.asarray(checked, np.float32 if len(checked) > LARGE else np.float64)
    return group_rows(vectors, decision, constraints, check_qualities(qualities, len(checked)))


def group_rows(
    vectors: np.ndarray,
    decision: Decision,
    constraints: Constraints,
    weights: np.ndarray | None = None,
) -> Grouping:
    """As `group_individuals`, of what was checked already."""
    atoms = pool_rows(vectors, constraints, decision.modalities, weights)
    # Under numbers of their own, so that the answer does not depend on the order of the rows.
    place = np.argsort(_order_by_content(atoms))
    group_of = decision.group(renamed(atoms, place))[place]
    labels = _number_by_first_appearance(group_of[constraints.component_of])
    num_individuals = int(labels.max(initial=-1)) + 1
    conflicts = _conflicts(atoms, labels, constraints, decision.threshold)
    return Grouping(labels, num_individuals, decision.threshold, conflicts)


def _number_by_first_appearance(labels: np.ndarray) -> np.ndarray:
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int32)


def _order_by_content(atoms: Atoms) -> np.ndarray:
    """An order that depends on sums and sizes alone, int64 [num_atoms]; equal atoms in any order."""
    sums = atoms.sums
    order = np.lexsort((*sums.T[:SORTED_BY], atoms.sizes))
    first = sums[order, :SORTED_BY]
    if (first[1:] == first[:-1]).all(axis=1).any():  # rarely
        order = np.lexsort((*sums.T[::-1], atoms.sizes))
    return order


def check_qualities(qualities: npt.ArrayLike | None, num: int) -> np.ndarray | None:
    """Qualities as weights, float64 [num] > 0; a ValueError for others than `num` in [0, 1]."""
    if qualities is None:
        return None
    checked = np.asarray(qualities, np.float64)
    if checked.shape != (num,) or not ((checked >= 0) & (checked <= 1)).all():
        raise ValueError(
            f"qualities must be {num} numbers in [0, 1], received the shape {list(checked.shape)} with "
            f"values from {checked.min(initial=1)} to {checked.max(initial=0)}."
        )
    return np.maximum(checked, LEAST_WEIGHT)


def _conflicts(
    atoms: Atoms, labels: np.ndarray, constraints: Constraints, threshold: float
) -> tuple[Conflict, ...]:
    """The cannot-linked pairs of individuals whose mean similarity alone would have joined them."""
    if not len(constraints.cannot_link) or np.isnan(threshold):
        return ()
    apart = np.sort(labels[constraints.cannot_link], axis=1)
    pairs, example = np.unique(apart, axis=0, return_index=True)
    _, first_row = np.unique(constraints.component_of, return_index=True)
    individual_of = labels[first_row]
    sizes = np.bincount(individual_of, atoms.sizes)[:, np.newaxis]
    means = sum_within(np.asarray(atoms.sums, np.float64), individual_of) / sizes
    similarities = (means[pairs[:, 0]] * means[pairs[:, 1]]).sum(axis=1)
    rows, pairs = constraints.cannot_link[example].tolist(), pairs.tolist()
    conflicts = [
        Conflict(pairs[place][0], pairs[place][1], similarity, (rows[place][0], rows[place][1]))
        for place, similarity in enumerate(similarities.tolist())
        if similarity >= threshold
    ]
    return tuple(sorted(conflicts, key=lambda conflict: -conflict.similarity))
