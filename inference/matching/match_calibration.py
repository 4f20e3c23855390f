"""From two scores of two photos, as a whole and in detail, to the probability that they show one animal."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from inference.calibrate.pair_calibration import PairCalibration, fit_logistic
from media.atomic import write_text_atomically

SCHEMA = 1
_LINE = ("slope", "intercept", "num_positive_pairs")
SCALE = 20.0  # a point that is shared has a distinctiveness of about 0.05
LEAST_PAIRS = 10
"""Of one individual: fewer say too little of how alike its photos are."""


@dataclass(frozen=True)
class MatchCalibration:
    """What both scores of two photos mean: each as a probability, and both together.

    From `fit_match_calibration`, or from a file (`load_match_calibration`).

    Args:
        whole: of the similarity of the photos' embeddings.
        local: of what they share in detail, as log(1 + 20 * `PhotoMatch.score`).
        features: names the local features that it was fitted with, and the matcher if it is one of its own.
        fingerprint: names the encoder; None where it is unknown.
        prior: float in (0, 1), how often a photo of a shortlist was of the query's individual.

    Reference:
        Cermak et al., "WildFusion: Individual animal identification with calibrated similarity fusion", 2024,
        https://arxiv.org/abs/2408.12934 (probabilities are averaged there).
    """

    whole: PairCalibration
    local: PairCalibration
    features: str
    fingerprint: str | None = None
    prior: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.prior < 1:
            raise ValueError(f"Expected a prior in (0, 1), received {self.prior}.")

    def probability(self, similarity: npt.ArrayLike, local_score: npt.ArrayLike) -> np.ndarray:
        """The probability that two photos show one individual.

        Args:
            similarity: float, cosine of the embeddings, of any shape [].
            local_score: float >= 0, `PhotoMatch.score`, of the same shape.

        Returns:
            float64 in (0, 1), of the same shape. The evidence of both is added, as if one said nothing of the
            other: the product of their likelihood ratios.
        """
        whole = self.whole.probability(similarity)
        local = self.local.probability(_logarithm(local_score))
        return expit(logit(whole) + logit(local) + logit(self.prior))

    def check_fingerprint(self, fingerprint: str | None) -> None:
        """Refuses the similarities of another encoder; ValueError where both are known and differ."""
        if self.fingerprint and fingerprint and fingerprint != self.fingerprint:
            raise ValueError(
                f"The matching calibration is of the encoder {self.fingerprint}, received similarities of "
                f"{fingerprint}. Make one for this encoder: `fused-encoder calibrate --matching`."
            )


def fit_match_calibration(
    similarity: npt.ArrayLike,
    local_score: npt.ArrayLike,
    is_same: npt.ArrayLike,
    *,
    features: str,
    fingerprint: str | None = None,
) -> MatchCalibration:
    """What both scores mean, from pairs of photos of known individuals.

    The pairs are those of shortlists: of each photo with those nearest to it, none of its own encounter (two
    photos of one moment are alike whoever they show). Use individuals that the encoder was not trained on.

    Args:
        similarity: float [num_pairs], cosine of the embeddings.
        local_score: float [num_pairs] >= 0, `PhotoMatch.score`.
        is_same: bool [num_pairs], whether the pair is of one individual.
        features: the name of the local features.
        fingerprint: of the encoder.

    Raises:
        ValueError: lengths that differ, or too few pairs of one individual or of two.
    """
    whole, local = np.asarray(similarity, np.float64), _logarithm(local_score)
    same = np.asarray(is_same, bool)
    if not (whole.ndim == 1 and whole.shape == local.shape == same.shape):
        raise ValueError(
            "Expected similarity, local_score and is_same of one length, received the shapes "
            f"{list(whole.shape)}, {list(local.shape)} and {list(same.shape)}."
        )
    num_same = int(same.sum())
    if min(num_same, len(same) - num_same) < LEAST_PAIRS:
        raise ValueError(
            f"Expected at least {LEAST_PAIRS} pairs of photos of one individual and as many of two, received "
            f"{num_same} and {len(same) - num_same}. Add photos of individuals that were met several times."
        )
    weight = np.where(same, 0.5 / num_same, 0.5 / (len(same) - num_same))
    prior = num_same / len(same)
    curves = [_curve(scores, same, weight) for scores in (whole, local)]
    return MatchCalibration(curves[0], curves[1], features, fingerprint, prior)


def _logarithm(local_score: npt.ArrayLike) -> np.ndarray:
    """Scores are many near 0 and few large ones; log-odds rise with their logarithm."""
    return np.log1p(SCALE * np.asarray(local_score, np.float64))


def _curve(scores: np.ndarray, same: np.ndarray, weight: np.ndarray) -> PairCalibration:
    num_same = int(same.sum())
    sure = (num_same + 1) / (num_same + 2)  # Platt's targets: never certain
    line = fit_logistic(scores, np.where(same, sure, 1 - sure), weight)
    return PairCalibration(*line, num_positive_pairs=num_same)


def save_match_calibration(path: str | Path, calibration: MatchCalibration) -> Path:
    """Writes a calibration as JSON; an earlier file is replaced. Returns the path."""
    record = asdict(calibration)
    for name in ("whole", "local"):  # straight lines, without what only other calibrations measure
        record[name] = {part: record[name][part] for part in _LINE}
    record = {"schema": SCHEMA, **record}
    return write_text_atomically(path, json.dumps(record, allow_nan=False, indent=1))


def load_match_calibration(path: str | Path) -> MatchCalibration:
    """What `save_match_calibration` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or of a newer version.
    """
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
        if record.pop("schema") > SCHEMA:
            raise ValueError("it was written by a newer version; update fused-encoder")
        whole, local = (PairCalibration(**record.pop(name)) for name in ("whole", "local"))
        return MatchCalibration(whole, local, **record)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"Cannot read the matching calibration '{path}' ({type(error).__name__}: {error}). Make it anew: "
            "`fused-encoder calibrate --matching`."
        ) from error
