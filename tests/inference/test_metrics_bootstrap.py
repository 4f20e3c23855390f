from itertools import product

import numpy as np
import pytest

from inference.metrics import bootstrap_interval, two_way_bootstrap_interval


def test_the_interval_covers_the_true_mean_as_often_as_it_says():
    generator = np.random.default_rng(0)
    num_covered = 0
    for seed in range(200):
        source_means = generator.normal(0.7, 0.1, 30)
        values = np.repeat(source_means, 8) + generator.normal(0, 0.02, 240)
        low, high = bootstrap_interval(
            values, np.repeat(np.arange(30), 8), num_resamples=400, seed=seed
        )
        num_covered += low <= 0.7 <= high
    assert 0.88 <= num_covered / 200 <= 0.99


def test_the_two_way_interval_covers_the_true_mean_where_one_way_does_not():
    generator = np.random.default_rng(0)
    photo, recording = (grid.ravel() for grid in np.indices((20, 20)))
    covered = {"two": 0, "photos": 0}
    for seed in range(150):
        values = generator.normal(0.7, 0.05, 20)[photo] + generator.normal(0.0, 0.1, 20)[recording]
        options = {"num_resamples": 300, "seed": seed}
        low, high = two_way_bootstrap_interval(values, photo, recording, **options)
        covered["two"] += low <= 0.7 <= high
        low, high = bootstrap_interval(values, photo, **options)
        covered["photos"] += low <= 0.7 <= high
    assert 0.88 <= covered["two"] / 150 <= 1.0
    assert covered["photos"] / 150 < 0.75


def slow_two_way_means(values: dict[tuple[int, int], float], num: int, num_other: int) -> list:
    """The mean of every possible draw of photos and recordings, one pair at a time."""
    means = []
    for photos in product(range(num), repeat=num):
        for recordings in product(range(num_other), repeat=num_other):
            drawn = [values[pair] for pair in product(photos, recordings) if pair in values]
            if drawn:
                means.append(np.mean(drawn))
    return means


@pytest.mark.parametrize("missing", [(), ((0, 1), (2, 0))])
def test_the_two_way_interval_is_that_of_all_possible_draws(missing):
    generator = np.random.default_rng(1)
    pairs = [pair for pair in product(range(3), range(2)) if pair not in missing]
    values = dict(zip(pairs, generator.normal(0, 1, len(pairs)), strict=True))
    every_draw = slow_two_way_means(values, 3, 2)
    found = two_way_bootstrap_interval(
        list(values.values()), *zip(*pairs, strict=True), confidence=0.6, num_resamples=40_000
    )
    assert found == pytest.approx(np.quantile(every_draw, [0.2, 0.8]), abs=0.03)


def test_values_of_one_source_count_as_one():
    values = np.repeat(np.random.default_rng(1).normal(0, 1, 20), 50)
    low, high = bootstrap_interval(values, np.repeat(np.arange(20), 50))
    low_alone, high_alone = bootstrap_interval(values)
    assert high - low > 5 * (high_alone - low_alone)


def test_the_same_seed_gives_the_same_interval_and_nan_is_left_out():
    values = np.array([0.0, 1.0, np.nan, 1.0, 0.5])
    assert bootstrap_interval(values) == bootstrap_interval(values[[0, 1, 3, 4]])
    groups = np.array([[0, 0, 1, 1, 2], [5, 6, 7, 5, 6]])
    known = groups[:, [0, 1, 3, 4]]
    assert two_way_bootstrap_interval(values, *groups) == two_way_bootstrap_interval(
        values[[0, 1, 3, 4]], *known
    )
