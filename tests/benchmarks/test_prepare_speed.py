"""The benchmark of preparing, on the tiny aviary: it runs, and its figures fit together."""

import numpy as np
import pytest

from aviary import write_aviary
from fused_encoder import LogMelFeatures
from triplets import scan_folders


@pytest.fixture(scope="module")
def benchmark(benchmark_named):
    return benchmark_named("prepare_speed")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    home = tmp_path_factory.mktemp("data") / "nine_species"
    aviary = write_aviary(home, size="tiny", shows_progress=False)
    return aviary.images, aviary.audio


def test_the_figures_of_both_yamnets_agree(benchmark, folders, figures_of, tmp_path, monkeypatch):
    monkeypatch.setenv("FUSED_ENCODER_DATA", str(folders[0].parent.parent))
    monkeypatch.setenv("FUSED_ENCODER_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(benchmark, "load_yamnet", lambda *_: LogMelFeatures())
    figures = figures_of(benchmark, "--per-class", "2", "--triplets", "2", "--rounds", "2")
    assert {"cold_speedup", "warm_speedup", "cold_speedup_h5", "warm_seconds_h5"} <= set(figures)
    assert all(value > 0 for value in figures.values())
    assert figures["cold_speedup"] == figures["published_seconds"] / figures["cold_seconds"]
    assert figures["num_triplets_measured"] == 2


def test_members_are_two_of_one_class_and_one_of_another(benchmark, folders):
    members = benchmark.draw_members(scan_folders(*folders), np.random.default_rng(0))
    for _ in range(20):
        (own, positive, other) = [[path.parent.name for path in pair] for pair in next(members)]
        assert own == positive
        assert len({*own, *other}) == 2
