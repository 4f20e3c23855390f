from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.grouping.atoms import Atoms, lone_atoms
from inference.grouping.by_evidence import _joined
from inference.grouping.evidence import EvidenceGroups
from inference.grouping.identity_model import IdentityModel
from inference.grouping.improvement import Improver, groups_of
from inference.grouping.linear import link_by_similarity
from inference.grouping.pair_odds import PairGroups
from inference.grouping.scored import ScoredGroups

SIZE = 5
NONE_APART = np.empty((0, 2), np.int64)


def random_observations(num: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((max(1, num // 3), SIZE))
    views = centres[rng.integers(0, len(centres), num)] + 0.8 * rng.standard_normal((num, SIZE))
    return views / np.linalg.norm(views, axis=1, keepdims=True)


def random_apart(num: int, num_apart: int, seed: int) -> np.ndarray:
    pairs = np.sort(np.random.default_rng(seed).integers(0, num, (num_apart, 2)), axis=1)
    return np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0)


def pair_groups(observations: np.ndarray) -> ScoredGroups:
    return PairGroups.of_atoms(lone_atoms(observations), 0.4)


def evidence_groups(observations: np.ndarray) -> ScoredGroups:
    model = IdentityModel(
        np.zeros(SIZE),
        np.eye(SIZE)[:1],
        np.array([0.4]),
        0.15,
        -2.5,
        0.3,
        np.eye(SIZE),
        1.0,
        0.9,
        50.0,
    )
    num = len(observations)
    return EvidenceGroups(model, observations.copy(), np.ones(num), np.ones(num), 3.0)


KINDS = pytest.mark.parametrize("atoms_of", [pair_groups, evidence_groups])


def total(atoms: ScoredGroups, labels: np.ndarray) -> float:
    return float(groups_of(atoms, labels).score.sum())


def set_partitions(num: int) -> Iterator[list[int]]:
    """All ways to put num things into groups, as labels by first appearance."""

    def grow(labels: list[int]) -> Iterator[list[int]]:
        if len(labels) == num:
            yield labels
            return
        for label in range(max(labels, default=-1) + 2):
            yield from grow([*labels, label])

    yield from grow([])


def keeps_apart(labels: np.ndarray, apart: np.ndarray) -> bool:
    return bool((labels[apart[:, 0]] != labels[apart[:, 1]]).all())


@KINDS
@settings(max_examples=30, deadline=None)
@given(num=st.integers(1, 40), num_apart=st.sampled_from([0, 10, 150]), seed=st.integers(0, 10**6))
def test_the_total_never_falls_and_what_is_apart_stays_apart(
    atoms_of: Callable[[np.ndarray], ScoredGroups], num: int, num_apart: int, seed: int
) -> None:
    atoms, apart = atoms_of(random_observations(num, seed)), random_apart(num, num_apart, seed)
    # Any beginning that honours the constraints, good or bad.
    drawn = np.random.default_rng(seed).integers(0, max(1, num // 3), num)
    for first, second in apart.tolist():
        if drawn[first] == drawn[second]:
            drawn[second] = num + second
    start = np.unique(drawn, return_inverse=True)[1]
    assert keeps_apart(start, apart)
    improver = Improver(atoms, apart)
    for step in (
        improver._move,
        improver._exchange,
        improver._split,
        improver.improve,
    ):
        labels = step(start)
        assert keeps_apart(labels, apart)
        assert total(atoms, labels) >= total(atoms, start) - 1e-9
        assert np.array_equal(np.unique(labels), np.arange(labels.max() + 1))


@KINDS
def test_of_two_rivals_that_want_the_same_group_one_gets_it(
    atoms_of: Callable[[np.ndarray], ScoredGroups],
) -> None:
    # Atoms 0 to 3 are one animal's; 4 and 5 look like it but were seen in one frame.
    rng = np.random.default_rng(0)
    near = np.eye(SIZE)[0] + 0.05 * rng.standard_normal((6, SIZE))
    atoms = atoms_of(near / np.linalg.norm(near, axis=1, keepdims=True))
    labels = Improver(atoms, np.array([[4, 5]])).improve(np.array([0, 0, 0, 0, 1, 2]))
    assert labels[4] != labels[5]
    assert np.bincount(labels).max() == 5


@KINDS
def test_where_a_rival_is_the_next_best_group_is_taken(
    atoms_of: Callable[[np.ndarray], ScoredGroups],
) -> None:
    # Atom 6 looks most like group 0, where its rival is, then like group 1.
    degrees = np.radians([0, 1, 2, 20, 21, 22, 8])
    observations = np.zeros((7, SIZE))
    observations[:, 0], observations[:, 1] = np.cos(degrees), np.sin(degrees)
    atoms, apart = atoms_of(observations), np.array([[0, 6], [0, 3], [1, 4]])
    labels = Improver(atoms, apart)._move(np.array([0, 0, 0, 1, 1, 1, 2]))
    assert labels[6] == labels[3]


@KINDS
def test_two_that_were_seen_together_and_taken_for_each_other_change_places(
    atoms_of: Callable[[np.ndarray], ScoredGroups],
) -> None:
    # Atoms 6 and 7 share frames with each other, so that neither can move to where it belongs.
    degrees = np.radians([0, 2, 4, 50, 52, 54, 3, 51])
    observations = np.zeros((8, SIZE))
    observations[:, 0], observations[:, 1] = np.cos(degrees), np.sin(degrees)
    atoms, apart = atoms_of(observations), np.array([[6, 7], [0, 3], [1, 4], [2, 5]])
    swapped = np.array([0, 0, 0, 1, 1, 1, 1, 0])
    found = Improver(atoms, apart)._exchange(swapped)
    assert found.tolist() == [0, 0, 0, 1, 1, 1, 0, 1]


@KINDS
def test_nobody_changes_places_into_a_group_of_another_rival(
    atoms_of: Callable[[np.ndarray], ScoredGroups],
) -> None:
    degrees = np.radians([0, 2, 4, 50, 52, 54, 3, 51])
    observations = np.zeros((8, SIZE))
    observations[:, 0], observations[:, 1] = np.cos(degrees), np.sin(degrees)
    apart = np.array([[6, 7], [0, 6]])
    swapped = np.array([0, 0, 0, 1, 1, 1, 1, 0])
    found = Improver(atoms_of(observations), apart)._exchange(swapped)
    assert found.tolist() == swapped.tolist()


@KINDS
def test_a_group_of_two_animals_is_split(
    atoms_of: Callable[[np.ndarray], ScoredGroups],
) -> None:
    rng = np.random.default_rng(1)
    views = np.eye(SIZE)[[0] * 5 + [1] * 5] + 0.1 * rng.standard_normal((10, SIZE))
    atoms = atoms_of(views / np.linalg.norm(views, axis=1, keepdims=True))
    labels = Improver(atoms, NONE_APART).improve(np.zeros(10, np.int64))
    assert sorted(np.bincount(labels)) == [5, 5]
    assert len(set(labels[:5])) == 1


def test_one_atom_and_none_are_left_alone() -> None:
    for num in (0, 1):
        atoms = pair_groups(random_observations(num, 0))
        start = np.zeros(num, np.int64)
        assert Improver(atoms, NONE_APART).improve(start).tolist() == start.tolist()


def best_total(atoms: ScoredGroups, apart: np.ndarray, partitions: np.ndarray) -> float:
    """The highest total of all partitions that honour the constraints, by the score of every subset."""
    num = len(atoms)
    members = (np.arange(2**num)[:, np.newaxis] >> np.arange(num)) & 1
    counts = members.astype(float)
    subsets = atoms.alike(counts @ atoms.sums, counts @ atoms.sizes, counts @ atoms.total)
    scores = np.where(members.any(axis=1), subsets.score, 0)
    is_broken = np.any(members[:, apart[:, 0]] & members[:, apart[:, 1]], axis=1)
    masks = np.zeros((len(partitions), num), np.int64)
    for atom in range(num):
        np.add.at(masks, (np.arange(len(masks)), partitions[:, atom]), 1 << atom)
    may_be = ~np.take(is_broken, masks).any(axis=1)
    return float(scores[masks].sum(axis=1)[may_be].max())


def share_at_the_optimum(
    atoms_of: Callable[[np.ndarray], ScoredGroups], num_apart: int, num: int = 8
) -> float:
    """How often greedy joining and improvement find the best of all partitions of 8 atoms."""
    partitions = np.array(list(set_partitions(num)))
    reached = []
    for seed in range(60):
        observations = random_observations(num, seed)
        atoms, apart = atoms_of(observations), random_apart(num, num_apart, seed)
        best = best_total(atoms, apart, partitions)
        linked = link_by_similarity(
            Atoms(observations, np.arange(num), apart, np.zeros(num, np.int8)), 0.5
        )
        labels = np.unique(linked, return_inverse=True)[1]
        for _ in range(3):
            labels = Improver(atoms, apart).improve(_joined(atoms, labels, apart))
        found = total(atoms, labels)
        assert keeps_apart(labels, apart)
        assert found <= best + 1e-9
        reached.append(found >= best - 1e-6)
    return float(np.mean(reached))


def test_subsets_score_as_their_partitions() -> None:
    observations = random_observations(5, 2)
    partitions = np.array(list(set_partitions(5)))
    apart = np.array([[0, 3]])
    for atoms in (pair_groups(observations), evidence_groups(observations)):
        totals = [total(atoms, labels) for labels in partitions if keeps_apart(labels, apart)]
        assert best_total(atoms, apart, partitions) == pytest.approx(max(totals))


def test_there_are_as_many_partitions_as_bell_counts() -> None:
    assert [sum(1 for _ in set_partitions(num)) for num in range(1, 8)] == [
        1,
        2,
        5,
        15,
        52,
        203,
        877,
    ]


@KINDS
@pytest.mark.parametrize(("num_apart", "least"), [(0, 0.9), (6, 0.75)])
def test_the_best_of_all_partitions_is_reached_nearly_always_and_never_passed(
    atoms_of: Callable[[np.ndarray], ScoredGroups], num_apart: int, least: float
) -> None:
    # Measured: 95 % (pairs) and 99 % (evidence) of them; with about six pairs apart 83 % of both.
    assert share_at_the_optimum(atoms_of, num_apart) >= least
