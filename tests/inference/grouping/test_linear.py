from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.grouping.atoms import Atoms, lone_atoms
from inference.grouping.linear import LinearGroups, link_by_log_odds, link_by_similarity
from inference.modalities import MODALITIES, PAIR_PATTERNS, pair_pattern

LINES = {
    "image-image": (12.0, -6.0),
    "image-audio": (5.0, -1.0),
    "image-fused": (9.0, -4.0),
    "audio-audio": (7.0, -4.5),
    "audio-fused": (6.0, -2.0),
    "fused-fused": (15.0, -8.0),
}


def random_atoms(num: int, seed: int, *, num_apart: int = 0, num_modalities: int = 3) -> Atoms:
    rng = np.random.default_rng(seed)
    atom_of = np.repeat(np.arange(num), rng.integers(1, 4, num))
    centres = rng.standard_normal((max(1, num // 3), 4))[rng.integers(0, max(1, num // 3), num)]
    observations = centres[atom_of] + 0.6 * rng.standard_normal((len(atom_of), 4))
    observations /= np.linalg.norm(observations, axis=1, keepdims=True)
    pairs = np.sort(rng.integers(0, max(num, 1), (num_apart if num else 0, 2)), axis=1)
    apart = np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0)
    modality_of = rng.integers(0, num_modalities, len(atom_of)).astype(np.int8)
    return Atoms(observations, atom_of, apart, modality_of)


def slow_log_odds(atoms: Atoms, threshold: float) -> set[frozenset[int]]:
    """Average linkage from the definition: every two groups, every two observations, the best pair, again."""
    names = [MODALITIES[code] for code in atoms.modality_of]
    num = len(atoms.observations)
    log_odds = np.empty((num, num))
    for i in range(num):
        for j in range(num):
            slope, intercept = LINES[pair_pattern(names[i], names[j])]
            log_odds[i, j] = slope * (atoms.observations[i] @ atoms.observations[j]) + intercept
    rows_of = [np.flatnonzero(atoms.atom_of == atom) for atom in range(len(atoms))]
    apart = {frozenset(pair) for pair in atoms.apart.tolist()}
    groups = [frozenset([atom]) for atom in range(len(atoms))]
    while True:
        best, pair = -np.inf, None
        for one, other in combinations(groups, 2):
            if any(frozenset([a, b]) in apart for a in one for b in other):
                continue
            first = np.concatenate([rows_of[atom] for atom in one])
            second = np.concatenate([rows_of[atom] for atom in other])
            mean = log_odds[np.ix_(first, second)].mean()
            if mean > best:
                best, pair = mean, (one, other)
        if pair is None or best < threshold:
            return set(groups)
        groups = [group for group in groups if group not in pair] + [pair[0] | pair[1]]


def partition(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


@settings(max_examples=40, deadline=None)
@given(
    num=st.integers(0, 16),
    threshold=st.floats(-3, 4),
    num_apart=st.sampled_from([0, 8]),
    seed=st.integers(0, 10**6),
)
def test_log_odds_of_mixed_modalities_agree_with_nested_loops(
    num: int, threshold: float, num_apart: int, seed: int
) -> None:
    atoms = random_atoms(num, seed, num_apart=num_apart)
    found = link_by_log_odds(atoms, LINES, threshold)
    assert partition(found) == slow_log_odds(atoms, threshold)


def test_the_lines_of_the_test_are_of_all_patterns() -> None:
    assert set(LINES) == set(PAIR_PATTERNS)


@settings(max_examples=30, deadline=None)
@given(num=st.integers(1, 60), num_apart=st.sampled_from([0, 40]), seed=st.integers(0, 10**6))
def test_one_modality_is_linked_by_similarity_down_to_the_zero_of_its_line(
    num: int, num_apart: int, seed: int
) -> None:
    atoms = random_atoms(num, seed, num_apart=num_apart, num_modalities=1)
    by_similarity = link_by_similarity(atoms, 0.5)  # 12 * 0.5 - 6 = 0
    by_log_odds = link_by_log_odds(atoms, {"image-image": (12.0, -6.0)}, 0.0)
    assert partition(by_log_odds) == partition(by_similarity)


def test_a_threshold_that_is_just_reached_joins() -> None:
    atoms = lone_atoms(np.array([[1.0, 0.0], [0.6, 0.8]]))
    similarity = float(atoms.observations[0] @ atoms.observations[1])
    assert len(np.unique(link_by_similarity(atoms, similarity))) == 1
    assert len(np.unique(link_by_similarity(atoms, np.nextafter(similarity, 1)))) == 2


@pytest.mark.parametrize("num", [0, 1])
def test_nothing_and_one_atom_are_grouped_as_they_are(num: int) -> None:
    atoms = lone_atoms(np.ones((num, 1)))
    assert link_by_similarity(atoms, 0.5).tolist() == list(range(num))
    assert link_by_log_odds(atoms, LINES, 0.0).tolist() == list(range(num))


def test_the_atoms_are_left_as_they_were() -> None:
    atoms = random_atoms(30, 2, num_modalities=1)
    sums = atoms.sums.copy()
    link_by_similarity(atoms, 0.0)
    assert np.array_equal(atoms.sums, sums)


def test_modalities_that_meet_without_a_line_are_named() -> None:
    atoms = Atoms(
        np.eye(2), np.arange(2), np.empty((0, 2), np.int64), np.array([0, 1], dtype=np.int8)
    )
    with pytest.raises(
        ValueError,
        match=r"Embeddings of image and audio meet, but the calibration has no pattern 'image-audio'; "
        "it has image-image. Calibrate with both",
    ):
        link_by_log_odds(atoms, {"image-image": (1.0, 0.0)}, 0.0)


def test_the_bound_covers_the_rounding_of_steep_lines() -> None:
    # float32 products of log-odds in the thousands are off by more than those of unit vectors.
    rng = np.random.default_rng(0)
    queries, keys = 3000 * rng.standard_normal((2, 200, 33))
    groups = LinearGroups(queries, keys, np.ones(200, int), 0.0)
    in_32_bits = groups.queries_and_keys(np.arange(200))
    products = np.einsum("ij,ij->i", *in_32_bits)
    exact = np.einsum("ij,ij->i", queries, keys)
    assert (exact > products + 1e-5).any()
    assert (groups.bound_of(products) >= exact).all()
