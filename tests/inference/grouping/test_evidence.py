from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.grouping.atoms import Atoms
from inference.grouping.evidence import EvidenceGroups, concentration, whitened
from inference.grouping.identity_model import IdentityModel
from inference.grouping.improvement import groups_of
from inference.grouping.pair_odds import PairGroups
from inference.grouping.scored import ScoredGroups

SIZE = 6


def random_atoms(num: int, seed: int) -> Atoms:
    rng = np.random.default_rng(seed)
    atom_of = np.repeat(np.arange(num), rng.integers(1, 4, num))
    observations = rng.standard_normal((len(atom_of), SIZE))
    observations /= np.linalg.norm(observations, axis=1, keepdims=True)
    return Atoms(observations, atom_of, np.empty((0, 2), np.int64), np.zeros(len(atom_of), np.int8))


def model() -> IdentityModel:
    rng = np.random.default_rng(9)
    axes, _ = np.linalg.qr(rng.standard_normal((SIZE, SIZE)))
    whitening = np.diag(rng.uniform(0.7, 1.4, SIZE))
    mean = 0.2 * rng.standard_normal(SIZE)
    return IdentityModel(
        mean, axes[:2], np.array([0.8, 0.4]), 0.1, -2.0, 0.4, whitening, 0.5, 0.9, 30.0
    )


def evidence_groups(atoms: Atoms) -> ScoredGroups:
    sums, total = whitened(atoms, model())
    return EvidenceGroups(model(), sums, atoms.sizes, total, 3.0)


def pair_groups(atoms: Atoms) -> ScoredGroups:
    return PairGroups.of_atoms(atoms, 0.2)


KINDS = pytest.mark.parametrize("groups_from", [evidence_groups, pair_groups])


@given(num_observations=st.integers(2, 2000), share=st.floats(0.01, 0.99))
def test_concentration_expects_as_many_individuals_as_there_are(
    num_observations: int, share: float
) -> None:
    num_groups = max(2, int(share * num_observations))
    if num_groups == num_observations:
        return
    alpha = concentration(num_groups, num_observations)
    # Observation after observation: a new individual with probability alpha / (so far + alpha).
    expected = sum(alpha / (seen + alpha) for seen in range(num_observations))
    assert expected == pytest.approx(num_groups, rel=1e-4)


@pytest.mark.parametrize(("num_groups", "num_observations"), [(0, 0), (1, 1), (1, 50), (50, 50)])
def test_extreme_counts_give_a_finite_concentration(num_groups: int, num_observations: int) -> None:
    alpha = concentration(num_groups, num_observations)
    assert 0 < alpha < np.inf


def test_whitened_sums_are_those_of_single_observations() -> None:
    atoms = random_atoms(8, 1)
    sums, total = whitened(atoms, model())
    points = model().whiten(atoms.observations)
    for atom in range(8):
        own = points[atoms.atom_of == atom]
        assert sums[atom] == pytest.approx(own.sum(axis=0))
        assert total[atom] == pytest.approx((own**2).sum())


@KINDS
def test_affinity_is_the_gain_of_groups_made_from_scratch(
    groups_from: Callable[[Atoms], ScoredGroups],
) -> None:
    atoms = random_atoms(10, 2)
    groups = groups_from(atoms)
    for first, second in [(0, 1), (3, 2), (9, 4)]:
        together = atoms.atom_of.copy()
        together[together == second] = first
        joined = groups_from(
            Atoms(
                atoms.observations,
                np.unique(together, return_inverse=True)[1],
                atoms.apart,
                atoms.modality_of,
            )
        )
        gain = joined.score.sum() - groups.score.sum()
        found = groups.affinity(np.array([first, second]), np.array([second, first]))
        assert found == pytest.approx([gain, gain], abs=1e-9)
        assert found[0] == found[1]


def test_pairs_score_by_their_similarities_one_by_one() -> None:
    atoms = random_atoms(6, 3)
    labels = np.array([0, 0, 1, 1, 1, 2])
    within = groups_of(pair_groups(atoms), labels).score
    each = pair_groups(atoms).score
    for group in range(3):
        rows = np.flatnonzero(labels[atoms.atom_of] == group)
        pairs = [(i, j) for i in rows for j in rows if i < j]
        expected = sum(atoms.observations[i] @ atoms.observations[j] - 0.2 for i, j in pairs)
        assert within[group] == pytest.approx(expected, abs=1e-9)
    single = np.flatnonzero(atoms.sizes == 1)
    assert each[single] == pytest.approx(0, abs=1e-9)


@KINDS
def test_joining_keeps_all_sums_right(groups_from: Callable[[Atoms], ScoredGroups]) -> None:
    atoms = random_atoms(12, 4)
    groups = groups_from(atoms)
    groups.join(np.array([0, 3]), np.array([1, 7]))
    groups.join(np.array([0, 2]), np.array([3, 5]))
    labels = np.arange(12)
    labels[[1, 3, 7]], labels[5] = 0, 2
    numbered = np.unique(labels, return_inverse=True)[1]
    expected = groups_of(groups_from(atoms), numbered)
    kept = np.unique(labels)
    for name in ("sums", "along", "sizes", "total", "squares", "score"):
        assert getattr(groups, name)[kept] == pytest.approx(getattr(expected, name), abs=1e-9)


@KINDS
def test_expected_centres_have_unit_length(groups_from: Callable[[Atoms], ScoredGroups]) -> None:
    centres = groups_from(random_atoms(9, 5)).expected_centres(np.arange(9))
    assert centres.dtype == np.float32
    assert np.linalg.norm(centres, axis=1) == pytest.approx(1, abs=1e-6)
