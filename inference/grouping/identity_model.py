"""How embeddings of individuals lie: what differs between individuals, and how far each one's own vary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import logsumexp

NOISE_LEVELS = 13
NOISE_REACH = 3.0  # standard deviations of the log noise, to either side


@dataclass(frozen=True, eq=False)
class IdentityModel:
    """A Gaussian model of individuals: centres, and noise around them with a level for each individual.

    An observation is `centre + noise`. Centres are normal around `mean`, with a few directions in which
    they vary much (species, sites) and one variance in all others. Noise is normal with one variance in all
    directions after `whitening`; that variance differs between individuals (some are always badly
    seen), log-normally. From this follows how probable a set of observations is if all show one
    individual, and so the evidence that two groups of any size are one: that of many observations adds up,
    where the mean over pairs does not grow.

    Args:
        mean: float64 [size], in whitened coordinates.
        directions: float64 [num_directions, size], orthonormal.
        variances: float64 [num_directions], of centres along them.
        rest_variance: float > 0, of centres along every other direction.
        log_noise_mean: float, mean over individuals of the natural logarithm of the noise variance per
            direction.
        log_noise_sd: float > 0, its standard deviation.
        whitening: float64 [size, size]; observations are multiplied with it first.
        evidence_scale: float in (0, 1], the share of the evidence that holds on individuals the model
            was not fitted on: noise that is not as independent as assumed makes it too sure.
        start_similarity: float, mean cosine similarity from which groups were nearly always one individual.
        num_individuals: float, how many individuals it was fitted on.
        fingerprint: names the encoder; None where it is unknown.

    Reference:
        Ioffe, Probabilistic linear discriminant analysis, 2006, https://doi.org/10.1007/11744085_41, in the
        two-covariance form of Brümmer and de Villiers, The speaker partitioning problem, Odyssey 2010; an
        individual's own noise level is ours, after Kenny's heavy-tailed priors, Odyssey 2010.
    """

    mean: np.ndarray
    directions: np.ndarray
    variances: np.ndarray
    rest_variance: float
    log_noise_mean: float
    log_noise_sd: float
    whitening: np.ndarray
    evidence_scale: float
    start_similarity: float
    num_individuals: float
    fingerprint: str | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IdentityModel) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self.fingerprint, self.rest_variance, self.log_noise_mean))

    @property
    def size(self) -> int:
        """Of the embeddings."""
        return len(self.mean)

    @cached_property
    def noise_levels(self) -> tuple[np.ndarray, np.ndarray]:
        """Variances and their log prior weights, each float64 [13]."""
        steps = np.linspace(-NOISE_REACH, NOISE_REACH, NOISE_LEVELS)
        log_weights = -(steps**2) / 2
        levels = np.exp(self.log_noise_mean + self.log_noise_sd * steps)
        return levels, log_weights - logsumexp(log_weights)

    @property
    def mean_noise(self) -> float:
        """The expected noise variance per direction of an individual."""
        levels, log_weights = self.noise_levels
        return float(levels @ np.exp(log_weights))

    def whiten(self, observations: np.ndarray) -> np.ndarray:
        """Observations in the model's coordinates, float64 [num, size]."""
        return observations @ self.whitening - self.mean

    def log_evidence(
        self, sizes: np.ndarray, along: np.ndarray, rest: np.ndarray, total: np.ndarray
    ) -> np.ndarray:
        """How probable the observations of each group are if each group is one individual.

        The natural logarithm of the density, up to a constant for each observation, times `evidence_scale`.

        Args:
            sizes: float [num], observations of each group.
            along: float [num, num_directions], their sum along the directions, whitened.
            rest: float [num], squared length of their sum in all other directions.
            total: float [num], sum of their squared lengths.

        Returns:
            float64 [num].
        """
        levels, log_weights = self.noise_levels
        num_rest = self.size - len(self.variances)
        squares = along * along
        by_level = np.empty((len(levels), len(sizes)))
        for row, (noise, log_weight) in enumerate(zip(levels, log_weights, strict=True)):
            spread = noise + sizes[:, np.newaxis] * self.variances
            spread_rest = noise + sizes * self.rest_variance
            by_level[row] = log_weight + 0.5 * (
                (squares * (self.variances / (noise * spread))).sum(axis=1)
                - np.log(spread / noise).sum(axis=1)
                + rest * self.rest_variance / (noise * spread_rest)
                - num_rest * np.log(spread_rest / noise)
                - sizes * self.size * np.log(noise)
                - total / noise
            )
        return self.evidence_scale * logsumexp(by_level, axis=0)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON takes it."""
        return {
            "mean": self.mean.tolist(),
            "directions": self.directions.tolist(),
            "variances": self.variances.tolist(),
            "rest_variance": self.rest_variance,
            "log_noise_mean": self.log_noise_mean,
            "log_noise_sd": self.log_noise_sd,
            "whitening": self.whitening.tolist(),
            "evidence_scale": self.evidence_scale,
            "start_similarity": self.start_similarity,
            "num_individuals": self.num_individuals,
            "fingerprint": self.fingerprint,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> IdentityModel:
        """The model that `to_dict` wrote.

        Raises:
            ValueError: keys are missing, arrays do not fit each other, or values are impossible.
        """
        try:
            mean, directions, variances, whitening = (
                np.array(record[name], np.float64)
                for name in ("mean", "directions", "variances", "whitening")
            )
            size = len(mean)
            if whitening.shape != (size, size):
                raise ValueError(f"whitening has the shape {list(whitening.shape)}")
            model = cls(
                mean,
                directions.reshape(len(variances), size),
                variances,
                float(record["rest_variance"]),
                float(record["log_noise_mean"]),
                float(record["log_noise_sd"]),
                whitening,
                float(record["evidence_scale"]),
                float(record["start_similarity"]),
                float(record["num_individuals"]),
                record.get("fingerprint"),
            )
            model._check_values()
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"This is no model of individuals, or it is damaged ({error}). Calibrate the encoder again."
            ) from error
        return model

    def _check_values(self) -> None:
        arrays = (self.mean, self.directions, self.variances, self.whitening)
        numbers = (self.rest_variance, self.log_noise_mean, self.log_noise_sd, self.num_individuals)
        if not all(np.isfinite(value).all() for value in (*arrays, *numbers)):
            raise ValueError("values that are not finite")
        if self.mean.ndim != 1 or self.variances.ndim != 1:
            raise ValueError("mean and variances must be one-dimensional")
        if not (self.rest_variance > 0 and self.log_noise_sd > 0 and (self.variances > 0).all()):
            raise ValueError("variances and log_noise_sd must be above 0")
        if not (0 < self.evidence_scale <= 1 and -2 <= self.start_similarity <= 2):
            raise ValueError("evidence_scale must be in (0, 1], start_similarity a cosine")
