"""Groups compared by the evidence that all their observations come from one individual."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, gammaln

from inference.grouping.atoms import Atoms, sum_within
from inference.grouping.identity_model import IdentityModel
from inference.grouping.scored import ScoredGroups


class EvidenceGroups(ScoredGroups):
    """Groups whose affinity is the log-odds that both are one individual, by an `IdentityModel`.

    The prior is Ewens': with concentration `alpha`, an observation is a new individual with probability
    alpha / (observations so far + alpha), else one of those seen before, in proportion to how often.

    Args:
        model: of the individuals.
        sums: float [num, size], of each group's whitened observations. Changed in place.
        sizes: int [num], observations of each group.
        total: float [num], the sum of the squared lengths of each group's whitened observations.
        alpha: float > 0.

    Reference:
        Ewens, The sampling theory of selectively neutral alleles, 1972,
        https://doi.org/10.1016/0040-5809(72)90035-4
    """

    def __init__(
        self,
        model: IdentityModel,
        sums: np.ndarray,
        sizes: np.ndarray,
        total: np.ndarray,
        alpha: float,
    ) -> None:
        self.model, self.alpha = model, alpha
        super().__init__(sums, sizes, total, sums @ model.directions.T)

    def alike(self, sums: np.ndarray, sizes: np.ndarray, total: np.ndarray) -> EvidenceGroups:
        """Other groups by the same model and prior."""
        return EvidenceGroups(self.model, sums, sizes, total, self.alpha)

    def score_of(
        self, sizes: np.ndarray, along: np.ndarray, squares: np.ndarray, total: np.ndarray
    ) -> np.ndarray:
        """Log evidence and log prior of groups given by their sums, float64 [num]."""
        rest = np.maximum(squares - np.einsum("ij,ij->i", along, along), 0)
        evidence = self.model.log_evidence(sizes, along, rest, total)
        return evidence + np.log(self.alpha) + gammaln(sizes)

    def expected_centres(self, groups: np.ndarray) -> np.ndarray:
        """Where the centres are expected, in coordinates in which they vary alike.

        Unit vectors float32 [num, size]; directions of much variance count less.
        """
        model = self.model
        means = self.sums[groups] / self.sizes[groups, np.newaxis]
        along = self.along[groups] / self.sizes[groups, np.newaxis]
        noise = model.mean_noise / self.sizes[groups, np.newaxis]
        weights = 1 / np.sqrt(model.variances + noise) - 1 / np.sqrt(model.rest_variance + noise)
        centres = (
            means / np.sqrt(model.rest_variance + noise) + (along * weights) @ model.directions
        )
        lengths = np.linalg.norm(centres, axis=1, keepdims=True)
        return (centres / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def whitened(atoms: Atoms, model: IdentityModel) -> tuple[np.ndarray, np.ndarray]:
    """Sums of each atom in the model's coordinates [num_atoms, size], and of squared lengths [num_atoms]."""
    dtype = atoms.observations.dtype
    points = atoms.observations @ model.whitening.astype(dtype)
    points -= model.mean.astype(dtype)
    squares = np.einsum("ij,ij->i", points, points).astype(np.float64)
    return sum_within(points, atoms.atom_of), np.bincount(atoms.atom_of, squares)


def concentration(num_groups: int, num_observations: int) -> float:
    """The alpha with which Ewens' prior expects this many individuals in so many observations."""
    low, high = 1e-3, 1e9
    for _ in range(100):
        alpha = np.sqrt(low * high)
        expected = alpha * (digamma(alpha + num_observations) - digamma(alpha))
        low, high = (alpha, high) if expected < num_groups else (low, alpha)
    return float(np.sqrt(low * high))
