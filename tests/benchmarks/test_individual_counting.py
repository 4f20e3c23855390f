"""The benchmark of counting compares with what it says it compares with."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def benchmark_module():
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = importlib.util.spec_from_file_location(
            "individual_counting", BENCHMARKS / "individual_counting.py"
        )
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # its dataclasses look themselves up
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(BENCHMARKS))


def on_circle(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_the_published_count_joins_what_is_nearer_than_a_half(benchmark_module):
    # 28 degrees are a distance of 0.484, 30 degrees one of 0.518
    assert benchmark_module.greedy(on_circle(0, 28, 58, 120)).tolist() == [0, 0, 1, 2]


def test_what_hdbscan_calls_noise_is_an_individual_each(benchmark_module, monkeypatch):
    class Finds:
        def __init__(self, **options):
            pass

        def fit_predict(self, rows):
            return np.array([0, -1, 0, 1, -1, 1])

    monkeypatch.setattr("sklearn.cluster.HDBSCAN", Finds)
    assert benchmark_module.hdbscan(on_circle(*range(6))).tolist() == [0, 2, 0, 1, 3, 1]


def test_a_small_draw_is_counted_and_every_way_is_there(benchmark_module):
    embeddings, _ = benchmark_module.make_identities(120, 12, "easy", seed=3)
    ways = benchmark_module.baselines(embeddings, 0.6)
    assert len(ways) == 3
    assert all(len(found) == 120 for found in ways.values())


def test_coverage_is_told_by_size_with_its_interval_over_worlds(benchmark_module, monkeypatch):
    monkeypatch.setattr(benchmark_module, "DIFFICULTIES", ("easy",))
    told = [(2, True), (3, False), (20, None)]
    monkeypatch.setattr(benchmark_module, "_footages", lambda *options: told)
    figures = benchmark_module.coverage(3, 4)
    name = "easy_24_known_1_videos"
    assert figures[f"interval_share_{name}"] == pytest.approx(2 / 3)
    assert figures[f"interval_coverage_{name}_1_to_3"] == 0.5
    assert figures[f"interval_coverage_{name}_1_to_3_margin"] == 0
    assert f"interval_coverage_{name}_17_to_36" not in figures
