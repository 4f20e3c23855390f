"""How the centres of individuals vary: a few directions of much variance, and the rest alike."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from inference.grouping.identity_model import IdentityModel

EDGE = 1.05  # above the largest eigenvalue that noise alone would give
LARGEST_SHARE_OF_DIRECTIONS = 0.25  # of the individuals


@dataclass(frozen=True, eq=False)
class CentreMoments:
    """Mean and covariance of group means, and how much of the latter is noise.

    Args:
        weight: float, the effective number of groups.
        mean: float64 [size].
        covariance: float64 [size, size], noise included.
        noise: float, variance per direction that the group means have from noise.
    """

    weight: float
    mean: np.ndarray
    covariance: np.ndarray
    noise: float


def centre_moments(sums: np.ndarray, sizes: np.ndarray, mean_noise: float) -> CentreMoments:
    """The moments of group means; groups of more observations count a little more.

    Args:
        sums: float64 [num, size], of each group's whitened observations.
        sizes: int [num].
        mean_noise: float, noise variance per direction of one observation.
    """
    means = sums / sizes[:, np.newaxis]
    weights = sizes / (sizes + 1.0)
    weights = weights / weights.sum()
    effective = 1 / (weights**2).sum()
    mean = weights @ means
    apart = means - mean
    covariance = (apart * weights[:, np.newaxis]).T @ apart * effective / max(effective - 1, 0.5)
    return CentreMoments(effective, mean, covariance, mean_noise * float((weights / sizes).sum()))


def centre_spectrum(moments: CentreMoments, least: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Directions, their variances, and the variance of all others.

    A direction counts as one of much variance where its eigenvalue is above what as many centres without
    any such direction would give (Marchenko and Pastur's edge).

    Args:
        moments: of the centres.
        least: float > 0, the smallest variance that is believed.

    Returns:
        directions float64 [num_directions, size], variances float64 [num_directions], float.
    """
    values, vectors = np.linalg.eigh(moments.covariance)
    values, vectors = values[::-1], vectors[:, ::-1]
    size = len(values)
    at_most = int(LARGEST_SHARE_OF_DIRECTIONS * min(moments.weight, size))
    edge = EDGE * (1 + np.sqrt(size / moments.weight)) ** 2
    seen_at_least = moments.noise + least
    num_directions = 0
    rest = values.mean()
    while num_directions < at_most and values[num_directions] > max(edge * rest, seen_at_least):
        num_directions += 1
        # What many directions take from so few centres is missing in the others.
        share = moments.weight / (moments.weight - num_directions)
        rest = values[num_directions:].mean() * share
    variances = np.maximum(values[:num_directions] - moments.noise, least)
    return vectors[:, :num_directions].T, variances, float(max(rest - moments.noise, least))


def adapt(model: IdentityModel, sums: np.ndarray, sizes: np.ndarray) -> IdentityModel:
    """The model with centres that vary as they do here as well as where it was fitted.

    Other places and species differ in other directions; the noise of an observation does not. Both
    sides count by their number of individuals.

    Args:
        model: to be adapted.
        sums: float64 [num, size], of each group's whitened observations, relative to the model's mean.
        sizes: int [num].
    """
    if len(sizes) < 2:
        return model
    here = centre_moments(sums, sizes, model.mean_noise)
    share = here.weight / (here.weight + model.num_individuals)
    known = model.rest_variance * np.eye(model.size)
    known += (model.directions.T * (model.variances - model.rest_variance)) @ model.directions
    shift = here.mean
    covariance = share * here.covariance + (1 - share) * known
    both = CentreMoments(
        here.weight + model.num_individuals,
        model.mean + share * shift,
        covariance,
        share * here.noise,
    )
    directions, variances, rest = centre_spectrum(both, model.rest_variance / 2)
    return replace(
        model, mean=both.mean, directions=directions, variances=variances, rest_variance=rest
    )
