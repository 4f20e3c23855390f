"""How groups are joined: by a threshold, a calibration's rule, or the log-odds of several modalities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from inference.calibrate.calibration import Calibration
from inference.grouping.atoms import Atoms
from inference.grouping.linear import link_by_log_odds
from inference.grouping.rule import GroupingRule
from inference.modalities import MODALITIES, Modality


@dataclass(frozen=True, eq=False)
class Decision:
    """How atoms are grouped.

    Attributes:
        rule: for observations of one modality; None where several meet.
        calibration: whose log-odds decide where several meet.
        modalities: int8 [num_rows], the modality of each row, by its place in `MODALITIES`.
    """

    rule: GroupingRule | None
    calibration: Calibration | None
    modalities: np.ndarray

    @property
    def threshold(self) -> float:
        """The mean similarity from which groups are joined; NaN where several modalities meet."""
        return float("nan") if self.rule is None else self.rule.threshold

    def of_rows(self, rows: np.ndarray) -> Decision:
        """The same for some of the rows."""
        return replace(self, modalities=self.modalities[rows])

    def group(self, atoms: Atoms) -> np.ndarray:
        """The group of each atom, int64 [num_atoms], numbered from 0."""
        if self.rule is not None:
            return self.rule.group(atoms)
        if self.calibration is None:
            raise ValueError("Embeddings of several modalities need a calibration.")
        # A pattern that tells nothing (slope 0) may speak against, but joins nobody.
        lines = {
            pattern: (pair.slope, pair.intercept if pair.slope > 0 else min(pair.intercept, 0.0))
            for pattern, pair in self.calibration.pairs.items()
        }
        above_zero = float(np.nextafter(0, 1))
        return np.unique(link_by_log_odds(atoms, lines, above_zero), return_inverse=True)[1]


def decide_by(
    threshold: float | None,
    calibration: Calibration | None,
    modalities: Sequence[Modality] | Modality,
    embeddings: np.ndarray,
) -> Decision:
    """What a caller's threshold or calibration means for these rows.

    Args:
        threshold: float in [-1, 1], or None.
        calibration: of the encoder, or None.
        modalities: of each row, or one for all.
        embeddings: [num, size], with a fingerprint where it is known.

    Raises:
        ValueError: neither or both are given; the threshold is no cosine; the calibration is of another
            encoder, or lacks what these modalities need; an unknown modality, or another number of them.
    """
    codes = _codes(modalities, len(embeddings))
    if (threshold is None) == (calibration is None):
        raise ValueError(
            "Pass either threshold=... (a mean cosine similarity; suggest_threshold finds one) or "
            "calibration=... (of the encoder; see docs/calibration.md), received "
            f"{'neither' if calibration is None else 'both'}."
        )
    present = np.unique(codes)
    if threshold is not None:
        check_threshold(threshold)
        if len(present) > 1:
            named = " and ".join(MODALITIES[code] for code in present)
            raise ValueError(
                f"Similarities of {named} embeddings do not compare, so that one threshold cannot serve all. "
                "Pass calibration=..., or group each modality on its own."
            )
        return Decision(rule_of_threshold(threshold), None, codes)
    if calibration is None:  # for the type checker; told apart above
        raise ValueError("Pass a calibration.")
    calibration.check_fingerprint(embeddings)
    if len(present) > 1:
        return Decision(None, calibration, codes)
    if not len(present):  # nothing to group: no rule is needed, nor may one be lacking
        return Decision(rule_of_threshold(0.0), calibration, codes)
    return Decision(calibrated_rule(calibration, MODALITIES[present[0]]), calibration, codes)


def calibrated_rule(calibration: Calibration, modality: Modality) -> GroupingRule:
    """The calibration's grouping rule for a modality; without one, average linkage down to log-odds 0.

    Raises:
        ValueError: it has no pairs of this modality either.
    """
    if modality in calibration.groupings:
        return calibration.groupings[modality]
    pair = calibration.pair(f"{modality}-{modality}")
    if pair.slope <= 0:
        raise ValueError(
            f"The calibration says that similarities of {modality} embeddings tell nothing about individuals "
            f"(slope {pair.slope:g}); they cannot be grouped. Train an encoder on individuals."
        )
    return rule_of_threshold(float(np.clip(-pair.intercept / pair.slope, -1, 1)))


def rule_of_threshold(threshold: float) -> GroupingRule:
    """Average linkage down to a threshold, with nothing known about its errors."""
    return GroupingRule(float(threshold), False, None, {}, (), 0)


def check_threshold(threshold: float) -> None:
    """Refuse what is no cosine similarity.

    Raises:
        ValueError: outside [-1, 1], or NaN.
    """
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
