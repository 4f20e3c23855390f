"""Sampling: how often classes are drawn, and that none is drawn twice."""

import numpy as np
import pytest

from triplets.pair_batches import draw_distinct, draw_without_repeats, inclusion_probabilities

NUM_FILES = np.array([1, 4, 9, 16, 25])


def _frequencies(probabilities: np.ndarray, num_draws: int = 20_000) -> np.ndarray:
    rng = np.random.default_rng(0)
    drawn = np.concatenate([draw_distinct(probabilities, rng) for _ in range(num_draws)])
    return np.bincount(drawn, minlength=len(probabilities)) / num_draws


@pytest.mark.parametrize(
    ("sampling", "shares"),
    [
        ("class_balanced", [0.4, 0.4, 0.4, 0.4, 0.4]),
        ("square_root", [2 / 15, 4 / 15, 6 / 15, 8 / 15, 10 / 15]),
        ("by_file", [2 / 55, 8 / 55, 18 / 55, 32 / 55, 50 / 55]),
    ],
)
def test_two_classes_are_drawn_as_often_as_their_way_says(sampling, shares):
    probabilities = inclusion_probabilities(NUM_FILES, 2, sampling)
    np.testing.assert_allclose(probabilities, shares)
    np.testing.assert_allclose(_frequencies(probabilities), shares, atol=0.012)


def test_a_class_that_would_be_drawn_twice_is_drawn_always_and_the_others_share_the_rest():
    probabilities = inclusion_probabilities(NUM_FILES, 3, "by_file")
    np.testing.assert_allclose(probabilities, [1 / 14, 4 / 14, 9 / 14, 1, 1])
    assert probabilities.sum() == pytest.approx(3)
    assert probabilities.max() == 1
    np.testing.assert_allclose(_frequencies(probabilities), probabilities, atol=0.012)


@pytest.mark.parametrize("sampling", ["class_balanced", "square_root", "by_file"])
@pytest.mark.parametrize("num_drawn", [1, 2, 3, 4, 5])
def test_so_many_distinct_classes_are_drawn_as_asked_for(sampling, num_drawn):
    rng = np.random.default_rng(num_drawn)
    probabilities = inclusion_probabilities(NUM_FILES, num_drawn, sampling)
    for _ in range(300):
        drawn = draw_distinct(probabilities, rng).tolist()
        assert len(set(drawn)) == len(drawn) == num_drawn


def test_every_place_in_a_batch_is_open_to_every_class():
    probabilities = inclusion_probabilities(NUM_FILES, 5, "by_file")
    rng = np.random.default_rng(0)
    firsts = {int(draw_distinct(probabilities, rng)[0]) for _ in range(200)}
    assert firsts == set(range(5))


def test_no_file_is_drawn_twice_while_others_are_left():
    rng = np.random.default_rng(0)
    drawn = draw_without_repeats(np.array([3, 5, 8]), 7, rng)
    assert {*drawn[:3]} == {*drawn[3:6]} == {3, 5, 8}
    assert len(drawn) == 7


def test_of_no_files_absent_ones_are_drawn():
    drawn = draw_without_repeats(np.empty(0, int), 2, np.random.default_rng(0))
    assert drawn.tolist() == [-1, -1]
