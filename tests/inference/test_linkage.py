from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.linkage import NONE_APART, Merges, average_linkage
from tests.inference.vectors import unit


def random_groups(
    num: int, seed: int, *, num_apart: int = 0, most: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums and sizes of noisy views of about num / 4 individuals, in 6 dimensions; and what is apart."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, most + 1, num)
    centres = rng.standard_normal((max(1, num // 4), 6))[rng.integers(0, max(1, num // 4), num)]
    views = unit(np.repeat(centres, sizes, axis=0) + 0.7 * rng.standard_normal((sizes.sum(), 6)))
    sums = np.zeros((num, 6))
    np.add.at(sums, np.repeat(np.arange(num), sizes), views)
    pairs = np.sort(rng.integers(0, max(num, 1), (num_apart if num else 0, 2)), axis=1)
    return sums, sizes, np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0)


def slow_merges(
    similarities: np.ndarray, sizes: np.ndarray, threshold: float, apart: np.ndarray = NONE_APART
) -> Merges:
    """From the definition: the best pair of all becomes one, and again."""
    mean, sizes = similarities.copy(), sizes.astype(float)
    mean[apart[:, 0], apart[:, 1]] = mean[apart[:, 1], apart[:, 0]] = -np.inf
    np.fill_diagonal(mean, -np.inf)
    merges = []
    while len(mean):
        first, second = np.unravel_index(np.argmax(mean), mean.shape)
        if mean[first, second] < threshold or mean[first, second] == -np.inf:
            break
        merges.append((first, second, mean[first, second]))
        share = sizes[second] / (sizes[first] + sizes[second])
        joined = (1 - share) * mean[first] + share * mean[second]
        joined[[first, second]] = -np.inf
        mean[first] = mean[:, first] = joined
        mean[second] = mean[:, second] = -np.inf
        sizes[first] += sizes[second]
    first, second, similarity = np.array(merges).reshape(-1, 3).T
    return Merges(len(mean), first.astype(int), second.astype(int), similarity)


def mean_similarities(sums: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    means = sums / sizes[:, np.newaxis]
    return means @ means.T


def partition(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


@settings(max_examples=100)
@given(
    num=st.integers(0, 60),
    threshold=st.floats(-1.1, 0.9),
    num_apart=st.sampled_from([0, 0, 5, 60, 400]),
    most=st.integers(1, 4),
    num_neighbours=st.sampled_from([1, 2, 5, 12]),
    seed=st.integers(0, 10**6),
)
def test_short_lists_join_as_all_pairs_do(num, threshold, num_apart, most, num_neighbours, seed):
    sums, sizes, apart = random_groups(num, seed, num_apart=num_apart, most=most)
    found = average_linkage(sums, sizes, threshold, apart, num_neighbours=num_neighbours)
    slow = slow_merges(mean_similarities(sums, sizes), sizes, threshold, apart)
    assert partition(found.labels()) == partition(slow.labels())
    assert found.similarity == pytest.approx(slow.similarity)


@settings(max_examples=60)
@given(
    num_frames=st.integers(1, 6),
    num_animals=st.integers(2, 14),
    num_neighbours=st.sampled_from([1, 2, 5]),
    seed=st.integers(0, 10**6),
)
def test_flocks_of_one_frame_are_matched(num_frames, num_animals, num_neighbours, seed):
    # The light of a frame makes its animals more alike than two views of one animal.
    rng = np.random.default_rng(seed)
    animal, light = rng.standard_normal((num_animals, 6)), rng.standard_normal((num_frames, 6))
    views = animal[np.newaxis] + 2 * light[:, np.newaxis]
    views = unit((views + 0.3 * rng.standard_normal(views.shape)).reshape(-1, 6))
    frame = np.array(list(combinations(range(num_animals), 2)))
    apart = np.concatenate([frame + num_animals * number for number in range(num_frames)])
    alone = np.ones(len(views), int)
    found = average_linkage(views, alone, -0.3, apart, num_neighbours=num_neighbours)
    slow = slow_merges(views @ views.T, alone, -0.3, apart)
    assert partition(found.labels()) == partition(slow.labels())


@settings(max_examples=40)
@given(num=st.integers(0, 30), threshold=st.floats(-3, 4), seed=st.integers(0, 10**6))
def test_another_similarity_than_the_cosine_is_that_of_queries_with_keys(num, threshold, seed):
    sums, sizes, apart = random_groups(num, seed, num_apart=10, most=3)
    keys = np.hstack([sums, sizes[:, np.newaxis]])
    line = np.array([12.0] * 6 + [-6.0])  # 12 * similarity - 6
    found = average_linkage(keys, sizes, threshold, apart, query_sums=keys * line)
    slow = slow_merges(12 * mean_similarities(sums, sizes) - 6, sizes, threshold, apart)
    assert partition(found.labels()) == partition(slow.labels())


def test_a_threshold_that_is_just_reached_joins():
    views, alone = np.array([[1.0, 0.0], [0.6, 0.8]]), np.ones(2, int)
    similarity = float(views[0] @ views[1])
    assert len(average_linkage(views, alone, similarity).first) == 1
    assert len(average_linkage(views, alone, np.nextafter(similarity, 1)).first) == 0


@settings(max_examples=30)
@given(times=st.integers(2, 40), num_neighbours=st.integers(1, 12), seed=st.integers(0, 1000))
def test_duplicates_beyond_the_length_of_a_list_become_one(times, num_neighbours, seed):
    copies = np.tile(unit(random_groups(5, seed)[0]), (times, 1))
    found = average_linkage(
        copies, np.ones(len(copies), int), 0.9999, num_neighbours=num_neighbours
    )
    assert partition(found.labels()) == partition(np.tile(np.arange(5), times))


@pytest.mark.parametrize("num_neighbours", [1, 2, 12])
def test_duplicates_under_constraints_fall_into_few_groups(num_neighbours):
    # 20 frames of the same three look-alikes: each frame's three are apart, so at least three groups.
    apart = np.concatenate([np.array(list(combinations(range(3), 2))) + 3 * f for f in range(20)])
    same = np.tile([[1.0, 0.0]], (60, 1))
    found = average_linkage(same, np.ones(60, int), 0.5, apart, num_neighbours=num_neighbours)
    labels = found.labels()
    assert (labels[apart[:, 0]] != labels[apart[:, 1]]).all()
    assert 3 <= len(np.unique(labels)) < 10


def test_a_partner_behind_a_flock_is_found():
    # Groups 0 to 39 look alike and share a frame; group 40 is less like any of them.
    rng = np.random.default_rng(0)
    flock = unit(np.array([1.0, 0, 0]) + 0.01 * rng.standard_normal((40, 3)))
    loner = unit(np.array([[1.0, 0.5, 0]]))
    apart = np.array(list(combinations(range(40), 2)))
    views = np.vstack([flock, loner])
    labels = average_linkage(views, np.ones(41, int), 0.5, apart, num_neighbours=2).labels()
    assert labels[40] == labels[np.argmax(flock @ loner[0])]
    assert len(np.unique(labels)) == 40


def test_steep_lines_are_not_lost_to_the_rounding_of_32_bits():
    # Log-odds in the thousands: float32 products are off by more than those of unit vectors.
    views, alone = unit(np.random.default_rng(0).standard_normal((60, 32))), np.ones(60, int)
    keys = np.hstack([views, np.ones((60, 1))])
    line = np.array([9000.0] * 32 + [-2000.0])
    found = average_linkage(keys, alone, 0.0, query_sums=keys * line, num_neighbours=1)
    slow = slow_merges(9000 * (views @ views.T) - 2000, alone, 0.0)
    assert partition(found.labels()) == partition(slow.labels())
