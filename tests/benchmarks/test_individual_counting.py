"""The benchmark of counting compares with what it says it compares with."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def counting(benchmark_named):
    return benchmark_named("individual_counting")


def on_circle(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_the_published_count_joins_what_is_nearer_than_a_half(counting):
    # 28 degrees are a distance of 0.484, 30 degrees one of 0.518
    assert counting.greedy(on_circle(0, 28, 58, 120)).tolist() == [0, 0, 1, 2]


def test_what_hdbscan_calls_noise_is_an_individual_each(counting, monkeypatch):
    class Finds:
        def __init__(self, **options):
            pass

        def fit_predict(self, rows):
            return np.array([0, -1, 0, 1, -1, 1])

    monkeypatch.setattr("sklearn.cluster.HDBSCAN", Finds)
    assert counting.hdbscan(on_circle(*range(6))).tolist() == [0, 2, 0, 1, 3, 1]


def test_draws_are_counted_by_every_way_and_the_best_other_is_told(counting, capsys):
    calibration = counting.calibrated(*counting.make_identities(300, 30, "easy", seed=1))
    draws = counting.Draws()
    draws.add(*counting.make_identities(120, 12, "easy", seed=3), calibration)
    told = draws.tell("draws", "{}_easy")
    assert draws.found_share == [1.0]
    assert draws.is_inside == [True]
    assert told["bcubed_f1_easy"] == 1.0
    others = [rows[0]["bcubed_f1"] for way, rows in draws.rows.items() if way != "ours"]
    assert len(others) == 3
    assert told["best_baseline_bcubed_f1_easy"] == max(others)
    assert "HDBSCAN" in capsys.readouterr().out


def test_coverage_is_told_by_size_with_its_interval_over_worlds(counting, monkeypatch):
    monkeypatch.setattr(counting, "COVERED", (("easy", 24, 1),))
    told = [(2, True), (3, False), (20, None)]
    monkeypatch.setattr(counting, "_footages", lambda *options: told)
    figures = counting.coverage(3, 4)
    name = "easy_24_known_1_videos"
    assert figures[f"interval_share_{name}"] == pytest.approx(2 / 3)
    assert figures[f"interval_coverage_{name}_1_to_3"] == 0.5
    assert figures[f"interval_coverage_{name}_1_to_3_margin"] == 0
    assert f"interval_coverage_{name}_17_to_36" not in figures
