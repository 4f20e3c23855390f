import time
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from individuals.grouping.count_interval import count_interval, num_certain
from inference.calibrate import CountTrial


def tried_as(*pairs: tuple[int, int]) -> list[CountTrial]:
    """Footages of (found, true) individuals."""
    return [CountTrial(found, true, 100) for found, true in pairs]


def test_the_outermost_of_forty_footages_bound_the_interval():
    # Ratios true / found: 38 times 1, once 0.8, once 1.5.
    tried = tried_as(*[(20, 20)] * 38, (20, 16), (20, 30))
    interval = count_interval(20, tried, minimum=1, maximum=100)
    assert (interval.low, interval.high, interval.expected) == (16, 30, 20)


def test_a_usual_overcount_is_taken_away_from_what_is_expected():
    interval = count_interval(24, tried_as(*[(24, 18)] * 40), minimum=1, maximum=100)
    assert interval.expected == pytest.approx(18)
    assert (interval.low, interval.high) == (18, 24)  # the number found is always inside


def test_footages_of_about_the_same_count_are_asked():
    tried = tried_as(*[(5, 10)] * 40, *[(50, 50)] * 40)
    assert count_interval(6, tried, minimum=1, maximum=99).high == 12
    assert count_interval(45, tried, minimum=1, maximum=99).high == 45


def test_with_fewer_footages_than_are_needed_the_interval_is_what_is_certain():
    for num_tried, known in ((0, (3, 9, None)), (38, (3, 9, None)), (39, (7, 7, 0.95))):
        interval = count_interval(7, tried_as(*[(7, 7)] * num_tried), minimum=3, maximum=9)
        assert (interval.low, interval.high, interval.confidence) == known
        assert interval.expected == 7
    nothing = count_interval(0, tried_as(*[(1, 1)] * 60), minimum=0, maximum=0)
    assert (nothing.low, nothing.high, nothing.expected) == (0, 0, 0)


def test_a_count_above_all_that_were_tried_has_bounds_and_no_learnt_interval():
    tried = tried_as(*[(2, 2)] * 60, (5, 5))
    assert count_interval(5, tried, minimum=1, maximum=50).kind == "95 %"
    interval = count_interval(6, tried, minimum=1, maximum=50)
    assert (interval.low, interval.high, interval.confidence) == (1, 50, None)
    assert (interval.kind, interval.largest_trial) == ("bounds", 5)


@settings(max_examples=100)
@given(st.integers(1, 200), st.integers(0, 50), st.integers(0, 50), st.integers(0, 1000))
def test_intervals_hold_what_was_found_and_stay_certain(num_found, below, above, seed):
    rng = np.random.default_rng(seed)
    tried = tried_as(*rng.integers(70, 170, (50, 2)).tolist())
    minimum, maximum = max(1, num_found - below), num_found + above
    interval = count_interval(num_found, tried, minimum=minimum, maximum=maximum)
    assert minimum <= interval.low <= num_found <= interval.high <= maximum
    assert minimum <= interval.expected <= maximum


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(5)

    def footage() -> CountTrial:
        # Individuals are found 0 or more times too often, and sometimes taken for another.
        num_true = int(np.exp(rng.uniform(0, np.log(60))))
        num_found = max(1, rng.binomial(num_true, 0.9) + rng.poisson(0.25 * num_true))
        return CountTrial(num_found, num_true, 5 * num_true)

    is_held = []
    for _ in range(400):
        tried = [footage() for _ in range(120)]
        new = footage()
        interval = count_interval(new.num_found, tried, minimum=1, maximum=10**6)
        is_held.append(interval.low <= new.num_true <= interval.high)
    assert np.mean(is_held) >= 0.9


@settings(max_examples=150)
@given(num=st.integers(0, 11), share=st.floats(0, 1), seed=st.integers(0, 10**6))
def test_the_certain_number_is_that_of_trying_all_subsets(num, share, seed):
    rng = np.random.default_rng(seed)
    pairs = [pair for pair in combinations(range(num), 2) if rng.random() < share]
    apart = {frozenset(pair) for pair in pairs}
    largest = max(
        size
        for size in range(num + 1)
        for chosen in combinations(range(num), size)
        if all(frozenset(pair) in apart for pair in combinations(chosen, 2))
    )
    shuffled = rng.permutation(np.array(pairs, np.int64).reshape(-1, 2))
    assert num_certain(num, shuffled) == largest


def test_a_large_flock_in_one_frame_is_counted():
    assert num_certain(300, np.array(list(combinations(range(300), 2)))) == 300


def test_where_sets_are_too_many_the_number_is_still_certain():
    rng = np.random.default_rng(1)
    apart = np.array([pair for pair in combinations(range(150), 2) if rng.random() < 0.9])
    began = time.process_time()
    assert 20 <= num_certain(150, apart) < 150
    assert time.process_time() - began < 20
