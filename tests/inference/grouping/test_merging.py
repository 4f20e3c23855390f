from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.grouping.atoms import Atoms, lone_atoms
from inference.grouping.evidence import EvidenceGroups
from inference.grouping.identity_model import IdentityModel
from inference.grouping.linear import LinearGroups
from inference.grouping.merging import merge_nearest
from inference.linkage import Merge, average_linkage, mean_similarities

NONE_APART = np.empty((0, 2), np.int64)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def random_atoms(num: int, seed: int, *, num_apart: int = 0, most_observations: int = 1) -> Atoms:
    """Noisy observations of about num / 4 individuals, in 6 dimensions."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, most_observations + 1, num)
    atom_of = np.repeat(np.arange(num), sizes)
    centres = rng.standard_normal((max(1, num // 4), 6))[rng.integers(0, max(1, num // 4), num)]
    observations = unit(centres[atom_of] + 0.7 * rng.standard_normal((len(atom_of), 6)))
    pairs = np.sort(rng.integers(0, max(num, 1), (num_apart if num else 0, 2)), axis=1)
    apart = np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0)
    return Atoms(observations, atom_of, apart, np.zeros(len(atom_of), np.int8))


def merged(atoms: Atoms, threshold: float, num_neighbours: int) -> np.ndarray:
    sums = np.array(atoms.sums)
    groups = LinearGroups(sums, sums, atoms.sizes, np.nextafter(threshold, -np.inf))
    return merge_nearest(
        groups,
        len(atoms),
        atoms.apart,
        bound_of=groups.bound_of,
        num_neighbours=num_neighbours,
    )


def dense(atoms: Atoms, threshold: float) -> np.ndarray:
    similarities = mean_similarities(atoms.sums, atoms.sizes)
    similarities[atoms.apart[:, 0], atoms.apart[:, 1]] = -np.inf
    similarities[atoms.apart[:, 1], atoms.apart[:, 0]] = -np.inf
    return groups_after(average_linkage(similarities, atoms.sizes, threshold), len(atoms))


def groups_after(merges: list[Merge], num: int) -> np.ndarray:
    labels = np.arange(num)
    for merge in merges:
        labels[labels == labels[merge.second]] = labels[merge.first]
    return labels


def partition(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


@settings(max_examples=150, deadline=None)
@given(
    num=st.integers(0, 70),
    threshold=st.floats(-0.5, 0.9),
    num_apart=st.sampled_from([0, 0, 5, 60, 400]),
    most_observations=st.integers(1, 4),
    num_neighbours=st.sampled_from([2, 3, 5, 12]),
    seed=st.integers(0, 10**6),
)
def test_short_lists_give_the_partition_of_the_full_matrix(
    num: int,
    threshold: float,
    num_apart: int,
    most_observations: int,
    num_neighbours: int,
    seed: int,
) -> None:
    atoms = random_atoms(num, seed, num_apart=num_apart, most_observations=most_observations)
    found = merged(atoms, threshold, num_neighbours)
    assert partition(found) == partition(dense(atoms, threshold))


@settings(max_examples=60, deadline=None)
@given(
    num_frames=st.integers(1, 6),
    num_animals=st.integers(2, 14),
    num_neighbours=st.sampled_from([1, 2, 5]),
    seed=st.integers(0, 10**6),
)
def test_flocks_whose_nearest_are_all_in_the_same_frame_are_matched_as_by_the_full_matrix(
    num_frames: int, num_animals: int, num_neighbours: int, seed: int
) -> None:
    # The light of a frame makes its animals more alike than two views of one animal.
    rng = np.random.default_rng(seed)
    animal, light = rng.standard_normal((num_animals, 6)), rng.standard_normal((num_frames, 6))
    views = animal[np.newaxis] + 2 * light[:, np.newaxis]
    views = views + 0.3 * rng.standard_normal(views.shape)
    frame = np.array(list(combinations(range(num_animals), 2)))
    apart = np.concatenate([frame + num_animals * number for number in range(num_frames)])
    observations = unit(views.reshape(-1, 6))
    num = len(observations)
    atoms = Atoms(observations, np.arange(num), apart, np.zeros(num, np.int8))
    found = merged(atoms, -0.3, num_neighbours)
    assert partition(found) == partition(dense(atoms, -0.3))


@pytest.mark.parametrize("num_neighbours", [2, 12])
@pytest.mark.parametrize("num_apart", [0, 3000])
def test_five_hundred_atoms_give_the_partition_of_the_full_matrix(
    num_apart: int, num_neighbours: int
) -> None:
    atoms = random_atoms(500, 3, num_apart=num_apart, most_observations=3)
    found = merged(atoms, 0.4, num_neighbours)
    assert partition(found) == partition(dense(atoms, 0.4))


@settings(max_examples=30, deadline=None)
@given(times=st.integers(2, 40), num_neighbours=st.integers(1, 12), seed=st.integers(0, 1000))
def test_duplicates_beyond_the_length_of_a_list_become_one(
    times: int, num_neighbours: int, seed: int
) -> None:
    atoms = random_atoms(5, seed)
    copies = lone_atoms(np.tile(atoms.observations, (times, 1)))
    found = merged(copies, 0.9999, num_neighbours)
    assert partition(found) == partition(np.tile(np.arange(5), times))


@pytest.mark.parametrize("num_neighbours", [1, 2, 12])
def test_duplicates_under_constraints_fall_into_as_few_groups_as_frames_need(
    num_neighbours: int,
) -> None:
    # 20 frames of the same three look-alikes: each frame's three are apart, so at least three groups.
    apart = np.concatenate([np.array(list(combinations(range(3), 2))) + 3 * f for f in range(20)])
    atoms = Atoms(np.tile([[1.0, 0.0]], (60, 1)), np.arange(60), apart, np.zeros(60, np.int8))
    found = merged(atoms, 0.5, num_neighbours)
    assert (found[apart[:, 0]] != found[apart[:, 1]]).all()
    assert len(np.unique(found)) >= 3
    assert len(np.unique(found)) < 10


@pytest.mark.parametrize("num_neighbours", [2, 12])
def test_a_flock_in_one_frame_stays_apart_however_alike(num_neighbours: int) -> None:
    apart = np.array(list(combinations(range(60), 2)))
    for observations in (np.tile([[1.0, 0.0]], (60, 1)), random_atoms(60, 1).observations):
        atoms = Atoms(observations, np.arange(60), apart, np.zeros(60, np.int8))
        assert len(np.unique(merged(atoms, -1.0, num_neighbours))) == 60


def test_a_partner_behind_a_flock_is_found() -> None:
    # Atoms 0 to 39 look alike and share a frame; atom 40 is less like atom 0 than all of these are.
    rng = np.random.default_rng(0)
    flock = unit(np.array([1.0, 0, 0]) + 0.01 * rng.standard_normal((40, 3)))
    loner = unit(np.array([[1.0, 0.5, 0]]))
    apart = np.array(list(combinations(range(40), 2)))
    atoms = Atoms(np.vstack([flock, loner]), np.arange(41), apart, np.zeros(41, np.int8))
    found = merged(atoms, 0.5, 2)
    assert found[40] == found[np.argmax(flock @ loner[0])]
    assert len(np.unique(found)) == 40


@settings(max_examples=40, deadline=None)
@given(num=st.integers(2, 60), seed=st.integers(0, 10**6))
def test_the_order_of_atoms_does_not_matter(num: int, seed: int) -> None:
    atoms = random_atoms(num, seed, num_apart=20)
    order = np.random.default_rng(seed).permutation(num)
    place = np.argsort(order)
    mixed = Atoms(
        atoms.observations[order], np.arange(num), place[atoms.apart], atoms.modality_of[order]
    )
    assert partition(merged(mixed, 0.3, 4)[place]) == partition(merged(atoms, 0.3, 4))


def test_each_member_names_a_member_of_its_own_group() -> None:
    atoms = random_atoms(50, 4)
    found = merged(atoms, 0.4, 3)
    assert (found[found] == found).all()


@settings(max_examples=30, deadline=None)
@given(num=st.integers(1, 40), seed=st.integers(0, 10**6))
def test_without_a_bound_what_was_apart_stays_apart_and_every_join_gains(
    num: int, seed: int
) -> None:
    model = IdentityModel(
        np.zeros(6), np.zeros((0, 6)), np.zeros(0), 0.2, -2.5, 0.3, np.eye(6), 1.0, 0.9, 50.0
    )
    atoms = random_atoms(num, seed, num_apart=30)
    total = np.ones(num)
    before = EvidenceGroups(model, atoms.sums.copy(), atoms.sizes, total, 5.0).score.sum()
    groups = EvidenceGroups(model, atoms.sums.copy(), atoms.sizes, total, 5.0)
    found = merge_nearest(groups, num, atoms.apart)
    assert (found[atoms.apart[:, 0]] != found[atoms.apart[:, 1]]).all()
    assert groups.score[np.unique(found)].sum() >= before - 1e-9
