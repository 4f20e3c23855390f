"""How groups are joined: by a threshold, a calibration's rule, or the log-odds of several modalities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from individuals.grouping.constraints import Atoms
from inference.calibrate.calibration import Calibration
from inference.calibrate.grouping_rule import GroupingRule
from inference.linkage import average_linkage
from inference.modalities import MODALITIES, Modality, pair_pattern

ABOVE_EVEN = float(np.nextafter(0, 1))  # log-odds


@dataclass(frozen=True, eq=False)
class Decision:
    """How atoms are grouped."""

    rule: GroupingRule | None  # for observations of one modality; None where several meet
    # pair pattern -> (slope, intercept) of its log-odds, which decide where several meet
    lines: Mapping[str, tuple[float, float]]
    # int8 [num_rows], the modality of each row, by its place in `MODALITIES`
    modalities: np.ndarray

    @property
    def threshold(self) -> float:
        """The mean similarity from which groups are joined; NaN where several modalities meet."""
        return float("nan") if self.rule is None else self.rule.threshold

    def of_rows(self, rows: np.ndarray) -> Decision:
        """The same for some of the rows."""
        return replace(self, modalities=self.modalities[rows])

    def group(self, atoms: Atoms) -> np.ndarray:
        """The group of each atom, int [num_atoms], numbered from 0."""
        if self.rule is not None:
            merges = average_linkage(atoms.sums, atoms.sizes, self.rule.threshold, atoms.apart)
        else:
            queries, keys = _log_odds_vectors(atoms, self.lines)
            merges = average_linkage(keys, atoms.sizes, ABOVE_EVEN, atoms.apart, query_sums=queries)
        return merges.labels()


def decide_by(
    threshold: float | None,
    calibration: Calibration | None,
    modalities: Sequence[Modality] | Modality,
    embeddings: np.ndarray,
) -> Decision:
    """What a threshold or calibration means for these rows; raises as `group_individuals`."""
    codes = _codes(modalities, len(embeddings))
    present = [MODALITIES[code] for code in np.unique(codes)]
    if calibration is None and threshold is not None:
        check_threshold(threshold)
        if len(present) > 1:
            raise ValueError(
                f"Similarities of {' and '.join(present)} embeddings do not compare, so that one threshold "
                "cannot serve all. Pass calibration=..., or group each modality on its own."
            )
        return Decision(GroupingRule(float(threshold)), {}, codes)
    if calibration is None or threshold is not None:
        raise ValueError(
            "Pass either threshold=... (a mean cosine similarity; suggest_threshold finds one) or "
            "calibration=... (of the encoder; see docs/calibration.md), received "
            f"{'neither' if calibration is None else 'both'}."
        )
    calibration.check_fingerprint(embeddings)
    if len(present) == 1:
        return Decision(calibrated_rule(calibration, present[0]), {}, codes)
    if not present:  # nothing to group: no rule is needed, nor may one be lacking
        return Decision(GroupingRule(0.0), {}, codes)
    # A pattern that tells nothing (slope 0) may speak against, but joins nobody.
    lines = {
        pattern: (pair.slope, pair.intercept if pair.slope > 0 else min(pair.intercept, 0.0))
        for pattern, pair in calibration.pairs.items()
    }
    return Decision(None, lines, codes)


def calibrated_rule(calibration: Calibration, modality: Modality) -> GroupingRule:
    """The calibration's grouping rule for a modality; without one, average linkage down to log-odds 0.

    A ValueError where it has no pairs of this modality either.
    """
    if modality in calibration.groupings:
        return calibration.groupings[modality]
    pair = calibration.pair(f"{modality}-{modality}")
    if pair.slope <= 0:
        raise ValueError(
            f"The calibration says that similarities of {modality} embeddings tell nothing about individuals "
            f"(slope {pair.slope:g}); they cannot be grouped. Train an encoder on individuals."
        )
    return GroupingRule(float(np.clip(-pair.intercept / pair.slope, -1, 1)))


def check_threshold(threshold: float) -> None:
    """Raises a ValueError for what is no cosine similarity."""
    if not -1 <= threshold <= 1:
        raise ValueError(
            f"threshold must be a mean cosine similarity in [-1, 1], received {threshold}. "
            "suggest_threshold finds one from labelled embeddings."
        )


def _codes(modalities: Sequence[Modality] | Modality, num: int) -> np.ndarray:
    given = [modalities] if isinstance(modalities, str) else list(modalities)
    unknown = sorted({str(name) for name in given} - set(MODALITIES))
    if unknown:
        raise ValueError(
            f"Unknown modalities {', '.join(map(repr, unknown))}. Expected {', '.join(MODALITIES)}."
        )
    given = given * num if isinstance(modalities, str) else given
    if len(given) != num:
        raise ValueError(
            f"modalities must be one name, or one for each of the {num} rows; received {len(given)}."
        )
    return np.array([MODALITIES.index(name) for name in given], np.int8)


def _log_odds_vectors(
    atoms: Atoms, lines: Mapping[str, tuple[float, float]]
) -> tuple[np.ndarray, np.ndarray]:
    """Queries and keys whose inner product is the sum of log-odds over the pairs of two atoms.

    The key holds each observation and a one in the place of its modality, the query the lines.
    """
    here = np.unique(atoms.modality_of)
    width = atoms.observations.shape[1] + 1
    keys = np.zeros((len(atoms), len(here) * width))
    queries = np.zeros_like(keys)
    for number, code in enumerate(here):
        rows = np.flatnonzero(atoms.modality_of == code)
        with_one = np.hstack([atoms.observations[rows], np.ones((len(rows), 1))])
        np.add.at(keys[:, number * width : (number + 1) * width], atoms.atom_of[rows], with_one)
        for other, other_code in enumerate(here):
            slope, intercept = _line(lines, MODALITIES[code], MODALITIES[other_code])
            factors = np.append(np.full(width - 1, slope), intercept)
            place = slice(other * width, (other + 1) * width)
            np.add.at(queries[:, place], atoms.atom_of[rows], with_one * factors)
    return queries, keys


def _line(
    lines: Mapping[str, tuple[float, float]], first: Modality, second: Modality
) -> tuple[float, float]:
    pattern = pair_pattern(first, second)
    if pattern not in lines:
        raise ValueError(
            f"Embeddings of {first} and {second} meet, but the calibration has no pattern {pattern!r}; it "
            f"has {', '.join(lines) or 'none'}. Calibrate with both, or group each modality on its own."
        )
    return lines[pattern]
