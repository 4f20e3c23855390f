from types import SimpleNamespace

import numpy as np
import pytest


@pytest.fixture(scope="module")
def benchmark(benchmark_named):
    return benchmark_named("photo_individuals")


@pytest.fixture
def photos():
    """Four individuals, both flanks, in two directions; a third one varies a lot within each."""
    who, flank = np.repeat(["a", "b", "c", "d"], 10), np.tile(["left", "right"], 20)
    rng = np.random.default_rng(0)
    raw = rng.normal(0, 0.1, (40, 8))
    raw[:, 0] += np.repeat([0, 1, 0, 1], 10)
    raw[:, 1] += np.repeat([0, 0, 1, 1], 10)
    raw[:, 2] += rng.normal(0, 3, 40)
    encounter = np.array([f"{name} {number}" for number, name in enumerate(who)])
    return SimpleNamespace(who=who, flank=flank, raw=raw, encounter=encounter)


def told_apart(photos, features):
    """How much more alike two photos of one individual are than two of others."""
    is_same = photos.who[:, None] == photos.who
    similarity = features @ features.T
    return similarity[is_same].mean() - similarity[~is_same].mean()


def test_whitening_takes_away_what_varies_within_individuals(benchmark, photos):
    features = benchmark.whitened(photos, np.arange(40))
    assert np.allclose(np.linalg.norm(features, axis=1), 1)
    plain = benchmark.unit_length(photos.raw - photos.raw.mean(axis=0))
    assert told_apart(photos, features) > 2 * told_apart(photos, plain)


def test_a_shortlist_has_no_photo_of_the_query_s_encounter_or_of_another_flank(benchmark, photos):
    photos.encounter[1:5] = photos.encounter[0]
    near = benchmark.shortlist(photos, 0, np.arange(40), photos.raw, True)
    assert set(near) == set(range(6, 40, 2))
    assert len(benchmark.shortlist(photos, 0, np.arange(40), photos.raw, False)) == 35


def test_intervals_hold_the_mean_and_resample_encounters(benchmark):
    values, encounter = np.tile([0.0, 1.0], 30), np.repeat(np.arange(30), 2)
    mean, low, high = benchmark.interval(values, encounter)
    assert mean == low == high == 0.5  # every encounter is half right
    _, low, high = benchmark.interval(values, np.arange(60))
    assert low < 0.45 < 0.55 < high
