"""A model of individuals from embeddings whose individuals are known."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from inference.embeddings import check_embeddings, fingerprint_of
from inference.grouping.between import centre_moments, centre_spectrum
from inference.grouping.identity_model import IdentityModel
from inference.known_individuals import observations_of_known
from inference.threshold import start_similarity

LEAST_LOG_NOISE_SD = 0.1
LEAST_VARIANCE = 1e-6
LEAST_INDIVIDUALS = 3


def fit_identity_model(
    embeddings: npt.ArrayLike,
    individuals: Sequence[Hashable] | np.ndarray,
    *,
    sources: Sequence[Hashable] | np.ndarray | None = None,
) -> IdentityModel:
    """How embeddings of individuals lie, learnt from individuals that the encoder was not trained on.

    Args:
        embeddings: float32 [num, size], unit length, all of one modality.
        individuals: str or int [num], who each row shows.
        sources: str or int [num], such as the video or tracklet of each row; rows of one individual in one
            source are pooled first, as grouping pools a tracklet. None: every row is a source of its own.

    Returns:
        IdentityModel. With few individuals it is a rough one: it leans on what it finds in the footage.

    Raises:
        ValueError: fewer than three individuals that were seen in two sources.
    """
    checked = check_embeddings(embeddings)
    known = observations_of_known(np.asarray(checked, np.float64), individuals, sources)
    return replace(fit_model_of_observations(*known), fingerprint=fingerprint_of(embeddings))


def fit_model_of_observations(observations: np.ndarray, individual_of: np.ndarray) -> IdentityModel:
    """As `fit_identity_model`, of pooled observations.

    Args:
        observations: float64 [num, size], unit length.
        individual_of: int [num], numbered from 0.
    """
    seen_twice = int((np.bincount(individual_of) > 1).sum())
    if seen_twice < LEAST_INDIVIDUALS:
        raise ValueError(
            f"A model of individuals needs at least {LEAST_INDIVIDUALS} of them seen in two sources each; "
            f"received {seen_twice}. Label more recordings or photos, or group by a threshold of similarity."
        )
    whitening = _whitening(observations, individual_of)
    points = observations @ whitening
    log_noise = _log_noise_of_each(points, individual_of)
    sizes = np.bincount(individual_of)
    sums = np.zeros((len(sizes), points.shape[1]))
    np.add.at(sums, individual_of, points)
    moments = centre_moments(sums, sizes, float(np.exp(log_noise).mean()))
    directions, variances, rest = centre_spectrum(moments, LEAST_VARIANCE)
    return IdentityModel(
        moments.mean,
        directions,
        variances,
        rest,
        float(log_noise.mean()),
        max(float(log_noise.std()), LEAST_LOG_NOISE_SD),
        whitening,
        evidence_scale=1.0,
        start_similarity=start_similarity(observations, individual_of),
        num_individuals=moments.weight,
    )


def _whitening(observations: np.ndarray, individual_of: np.ndarray) -> np.ndarray:
    """The matrix after which the noise of an individual is alike in all directions, on the same scale.

    Shrunk towards no change by Ledoit and Wolf's share, which is large where observations are few.
    """
    from sklearn.covariance import ledoit_wolf

    sizes = np.bincount(individual_of)
    sums = np.zeros((len(sizes), observations.shape[1]))
    np.add.at(sums, individual_of, observations)
    deviations = observations - (sums / sizes[:, np.newaxis])[individual_of]
    has_several = sizes[individual_of] > 1
    # Deviations from a mean of n are too small by (n - 1) / n.
    deviations = deviations / np.sqrt(1 - 1 / np.maximum(sizes, 2))[individual_of, np.newaxis]
    covariance, _ = ledoit_wolf(deviations[has_several], assume_centered=True)
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, LEAST_VARIANCE)  # views that are all equal have none
    values = np.maximum(values, values.mean() * 1e-3)
    return (vectors * np.sqrt(values.mean() / values)) @ vectors.T


def _log_noise_of_each(points: np.ndarray, individual_of: np.ndarray) -> np.ndarray:
    """Of each individual that was seen at least twice: log of its noise variance per direction."""
    sizes = np.bincount(individual_of)
    sums = np.zeros((len(sizes), points.shape[1]))
    np.add.at(sums, individual_of, points)
    deviations = points - (sums / sizes[:, np.newaxis])[individual_of]
    scatter = np.bincount(individual_of, (deviations**2).sum(axis=1))
    is_known = sizes > 1
    freedom = (sizes[is_known] - 1) * points.shape[1]
    return np.log(np.maximum(scatter[is_known] / freedom, LEAST_VARIANCE))
