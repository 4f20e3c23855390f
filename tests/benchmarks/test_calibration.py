"""The benchmark of calibration on few worlds, and the made-up individuals it is drawn from."""

from functools import partial

import numpy as np
import pytest


@pytest.fixture(scope="module")
def benchmark(benchmark_named):
    return benchmark_named("calibration")


@pytest.fixture(scope="module")
def make_identities(benchmark):
    return benchmark.make_identities


@pytest.mark.parametrize(("difficulty", "noise"), [("easy", 0.4), ("medium", 0.6), ("hard", 0.8)])
def test_a_view_lies_as_near_to_its_individual_as_promised(make_identities, difficulty, noise):
    embeddings, labels = make_identities(30_000, 300, difficulty, seed=1)
    centres = np.stack([embeddings[labels == label].mean(axis=0) for label in range(300)])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    cosine = np.sum(embeddings * centres[labels], axis=1)
    of_individual = np.bincount(labels, cosine) / np.bincount(labels)
    assert np.median(of_individual) == pytest.approx(1 / np.sqrt(1 + noise**2), abs=0.02)


def test_everyone_is_seen_the_first_most_often_and_the_same_by_the_same_seed(make_identities):
    embeddings, labels = make_identities(2_000, 200, "medium")
    times = np.bincount(labels, minlength=200)
    assert (embeddings.shape, embeddings.dtype) == ((2_000, 128), np.float32)
    assert times.min() >= 1
    assert times[0] > 5 * np.median(times)
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx(np.ones(2_000), abs=1e-5)
    assert np.array_equal(embeddings, make_identities(2_000, 200, "medium")[0])
    assert not np.array_equal(embeddings, make_identities(2_000, 200, "medium", seed=1)[0])


def test_thresholds_by_pairs_match_nearly_every_unknown_animal_and_certified_ones_few(benchmark):
    figures = benchmark.measure_thresholds(2)
    for name in ("easy", "medium", "hard", "medium_plain"):
        assert figures[f"true_rate_pairs_{name}"] > 0.9
        assert figures[f"true_rate_certified_{name}"] < 0.1
    low, share, high = (
        figures[f"false_match_violation_share{end}"] for end in ("_low", "", "_high")
    )
    assert low <= share <= high


def test_calibrated_probabilities_are_truer_than_uncalibrated_ones(benchmark, monkeypatch):
    fewer_pairs = partial(benchmark.fit_calibration, max_pairs=20_000)  # a tenth, and quicker
    monkeypatch.setattr(benchmark, "fit_calibration", fewer_pairs)
    figures = benchmark.measure_probabilities(1)
    for difficulty in ("easy", "medium", "hard"):
        for error in ("ece", "brier", "log_loss"):
            calibrated = figures[f"{error}_{difficulty}"]
            assert calibrated < 0.3 * figures[f"uncalibrated_{error}_{difficulty}"]


def test_individuals_of_a_real_kind_are_split_in_halves(benchmark, make_identities):
    figures = benchmark.measure_nyalas(benchmark.image_rows(*make_identities(400, 60, "medium")), 2)
    assert figures["nyala_strangers"] == 15
    assert 0 <= figures["nyala_realised_rate_at_0.2"] <= 1
    assert figures["ece_nyala"] < 0.1
