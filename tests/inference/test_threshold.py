import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from individuals.group import group_individuals
from inference.metrics import bcubed
from inference.threshold import best_threshold, pool, suggest_threshold, sum_within
from tests.inference.vectors import on_circle, unit


def test_clear_individuals_give_the_middle_of_the_gap():
    # Pairs within: cos 10. Mean between the pairs: (cos 90 + cos 80 + cos 100 + cos 90) / 4 = 0.
    threshold = suggest_threshold(on_circle(0, 10, 90, 100), ["a", "a", "b", "b"])
    assert threshold == pytest.approx(np.cos(np.radians(10)) / 2, abs=1e-6)


@settings(max_examples=40)
@given(seed=st.integers(0, 10**6), num=st.integers(6, 40))
def test_no_other_threshold_groups_the_same_embeddings_better(seed, num):
    generator = np.random.default_rng(seed)
    labels = np.concatenate([[0, 0, 1], generator.integers(0, 5, num - 3)])
    vectors = np.eye(8)[labels] + 0.4 * generator.standard_normal((num, 8))
    embeddings = unit(vectors)

    def f1(threshold: float) -> float:
        return bcubed(labels, group_individuals(embeddings, threshold=threshold).labels).f1

    suggested = f1(suggest_threshold(embeddings, labels))
    assert all(f1(threshold) <= suggested + 1e-9 for threshold in np.linspace(-1, 1, 41))


def test_frames_of_one_source_are_pooled_and_never_compared():
    # Within a source frames differ by 2 degrees, across sources individual "a" differs by 60.
    embeddings = on_circle(-1, 1, 59, 61, 180)
    sources = ["v1", "v1", "v2", "v2", "v2"]
    threshold = suggest_threshold(embeddings, ["a", "a", "a", "a", "b"], sources=sources)
    between = (np.cos(np.radians(180)) + np.cos(np.radians(120))) / 2
    assert threshold == pytest.approx((np.cos(np.radians(60)) + between) / 2, abs=1e-4)


def test_too_many_observations_are_those_of_as_many_individuals_as_fit(monkeypatch):
    labels = np.arange(60) % 8
    vectors = np.eye(8)[labels] + 0.5 * np.random.default_rng(1).standard_normal((60, 8))
    embeddings = unit(vectors)
    everything = best_threshold(embeddings, labels)
    monkeypatch.setattr("inference.threshold.MAX_OBSERVATIONS", 40)
    some = best_threshold(embeddings, labels)
    assert some == best_threshold(embeddings, labels)  # the same draw
    assert some == pytest.approx(everything, abs=0.25)


def test_views_that_cancel_out_are_no_direction_and_no_error():
    assert pool(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([0, 0]))[0] == pytest.approx([0, 0])


@given(num=st.integers(0, 30), num_groups=st.integers(1, 6), seed=st.integers(0, 10**6))
def test_sums_are_exactly_the_same_in_any_order(num, num_groups, seed):
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((num, 3)).astype(np.float32)
    groups, order = rng.integers(0, num_groups, num), rng.permutation(num)
    sums = sum_within(vectors, groups)
    assert np.array_equal(sum_within(vectors[order], groups[order]), sums)
    for group in range(len(sums)):
        assert sums[group] == pytest.approx(vectors[groups == group].sum(axis=0), abs=1e-5)
