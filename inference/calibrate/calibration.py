"""A calibration: what the similarities of one encoder mean, in memory and as a JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.calibrate.certified import CannotCertifyError, CertifiedThreshold, certify_threshold
from inference.calibrate.grouping_rule import GroupingRule
from inference.calibrate.pair_calibration import PairCalibration
from inference.embeddings import fingerprint_of
from media.atomic import write_text_atomically

SCHEMA = 1
CALIBRATION_FILE = "calibration.json"
"""Among the assets of an exported encoder."""
ROUND_RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class Calibration:
    """What the similarities of one encoder's embeddings mean.

    From `fit_calibration`, from an exported encoder (`Embedder.calibration`), or from a file
    (`load_calibration`).

    Args:
        fingerprint: names the encoder; None where it is unknown.
        pairs: pair pattern, such as "image-image" or "image-fused", -> its `PairCalibration`.
        is_identity_disjoint: whether nobody it was fitted on was trained on. If not, probabilities are too
            sure and thresholds too low for animals that the encoder has never seen.
        groupings: modality, such as "image", -> how its embeddings are grouped into individuals.

    Example:
        >>> calibration = Calibration(None, {"image-image": PairCalibration(20.0, -10.0)})
        >>> calibration.probability([0.5, 0.7]).round(3).tolist()
        [0.5, 0.982]
    """

    fingerprint: str | None
    pairs: Mapping[str, PairCalibration] = field(default_factory=dict)
    is_identity_disjoint: bool = True
    groupings: Mapping[str, GroupingRule] = field(default_factory=dict)

    def pair(self, pattern: str = "image-image") -> PairCalibration:
        """The calibration of one pattern; ValueError where it has none."""
        if pattern not in self.pairs:
            known = ", ".join(self.pairs) or "no pattern at all"
            raise ValueError(
                f"This calibration has no pattern {pattern!r}; it has {known}. Calibrate with embeddings of "
                "both of its modalities, of individuals that have several sources."
            )
        return self.pairs[pattern]

    def log_odds(self, similarity: npt.ArrayLike, pattern: str = "image-image") -> np.ndarray:
        """The evidence that two embeddings show one individual: natural logarithm of the likelihood ratio.

        Affine in the similarity. 0: undecided if both are equally likely beforehand.

        Args:
            similarity: float, cosine, of any shape []; the answer is float64 of that shape.
            pattern: what the two embeddings were made of; see `inference.modalities.pair_pattern`.
        Raises:
            ValueError: no such pattern.
        """
        return self.pair(pattern).log_odds(similarity)

    def probability(
        self, similarity: npt.ArrayLike, pattern: str = "image-image", prior: float = 0.5
    ) -> np.ndarray:
        """The probability that two embeddings show one individual, by the isotonic curve where there is one.

        Args:
            similarity: as in `log_odds`.
            pattern: likewise.
            prior: float in (0, 1), how likely it is before looking: for two sightings drawn from n equally
                often seen individuals 1 / n.
        Returns:
            float64 in (0, 1), of the same shape.
        Raises:
            ValueError: no such pattern; a prior outside (0, 1).
        """
        return self.pair(pattern).probability(similarity, prior)

    def threshold_at(
        self,
        false_match_rate: float = 0.001,
        confidence: float = 0.95,
        pattern: str = "image-image",
    ) -> CertifiedThreshold:
        """The threshold at which the false-match rate of unknown animals is at most that.

        Args:
            false_match_rate: float in (0, 1), share of unknown animals that are matched to anybody.
            confidence: float in (0, 1).
            pattern: as in `log_odds`.
        Returns:
            The highest of the exact thresholds of several galleries of `num_gallery` individuals: others of
            that size then exceed the rate in less than 1 - confidence of all cases, as measured
            (`benchmarks/calibration.py`).
        Raises:
            CannotCertifyError: the calibration has too few independent individuals for that rate.
            ValueError: no such pattern; a rate or a confidence outside (0, 1).
        """
        unknowns = self.pair(pattern).unknowns
        if unknowns is None:
            return certify_threshold([], false_match_rate, confidence)
        return unknowns.certify(false_match_rate, confidence)

    def strictest_threshold(
        self, confidence: float = 0.95, pattern: str = "image-image"
    ) -> CertifiedThreshold:
        """`threshold_at` the lowest of 0.001, 0.002, 0.005, ... 0.2 that can be certified; raises alike."""
        for rate in ROUND_RATES[:-1]:
            with suppress(CannotCertifyError):
                return self.threshold_at(rate, confidence, pattern)
        return self.threshold_at(ROUND_RATES[-1], confidence, pattern)

    def check_fingerprint(self, embeddings: object) -> None:
        """Refuses the embeddings, or the fingerprint, of another encoder. What has none passes.

        Raises:
            ValueError: both fingerprints are known and differ.
        """
        other = embeddings if isinstance(embeddings, str) else fingerprint_of(embeddings)
        if self.fingerprint and other and other != self.fingerprint:
            raise ValueError(
                f"The calibration is of the encoder {self.fingerprint}, received embeddings of {other}: its "
                "probabilities and thresholds mean nothing for them. Calibrate that encoder "
                "(`fused-encoder calibrate`, or fit_calibration)."
            )

    def to_dict(self) -> dict[str, Any]:  # Any: as JSON takes it
        """All of it, as JSON takes it."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Calibration:
        """What `to_dict` gave; ValueError where it is of a newer version, or no calibration."""
        try:
            if record["schema"] <= SCHEMA:
                plain = _with_tuples(record)
                pairs = {name: PairCalibration.from_dict(p) for name, p in plain["pairs"].items()}
                rules = {name: GroupingRule.from_dict(r) for name, r in plain["groupings"].items()}
                return cls(record["fingerprint"], pairs, record["is_identity_disjoint"], rules)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(
                f"Not a calibration ({type(error).__name__}: {error}). Expected what to_dict gave."
            ) from error
        raise ValueError(
            f"The calibration has schema {record['schema']}, this version reads up to {SCHEMA}. "
            "Update fused-encoder, or calibrate again."
        )


def _with_tuples(value: Any) -> Any:  # Any: as JSON gives it
    if isinstance(value, Mapping):
        return {name: _with_tuples(one) for name, one in value.items()}
    return tuple(map(_with_tuples, value)) if isinstance(value, list | tuple) else value


def save_calibration(path: str | Path, calibration: Calibration) -> Path:
    """Writes a calibration as JSON; an earlier file is replaced. Returns the path."""
    text = json.dumps(calibration.to_dict(), ensure_ascii=False, allow_nan=False, indent=1)
    return write_text_atomically(path, text)


def load_calibration(path: str | Path) -> Calibration:
    """The calibration that `save_calibration` wrote; ValueError where it is damaged or of a newer version."""
    try:
        return Calibration.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
    except ValueError as error:
        raise ValueError(f"Cannot read the calibration '{path}': {error}") from error
