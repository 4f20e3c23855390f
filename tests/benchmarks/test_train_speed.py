import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "train_speed.py"


@pytest.fixture(scope="module")
def train_speed():
    spec = importlib.util.spec_from_file_location("train_speed", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_way_of_training_is_measured_and_told(train_speed, capsys):
    figures = train_speed.measure_steps("small_cnn", batch_size=1, num_rounds=1)
    assert all(seconds > 0 for seconds in figures.values())
    for way in ("block5", "frozen"):
        ratio = figures["published_step_seconds"] / figures[f"{way}_step_seconds"]
        assert figures[f"{way}_step_speedup"] == pytest.approx(ratio)
    train_speed.print_steps(figures)
    assert f"{figures['frozen_step_speedup']:.1f} x" in capsys.readouterr().out


def test_members_of_a_triplet_are_two_files_of_one_class_and_one_of_another(train_speed, tmp_path):
    triplets = train_speed.triplets_of_noise(tmp_path, num_triplets=20)
    for row in triplets.rows:
        anchor, positive, negative = (triplets.media.images[i] for i in row[::2])
        assert anchor.content != positive.content
        assert anchor.class_index == positive.class_index != negative.class_index


@pytest.mark.parametrize(("precision", "expected"), [(0.85, 20.0), (0.79, 0.0)])
def test_a_target_that_ours_does_not_reach_gives_no_speedup(
    train_speed, monkeypatch, precision, expected
):
    def reached(seconds, num_steps):
        return lambda *_: SimpleNamespace(seconds=seconds, num_steps=num_steps, precision=precision)

    runs = {"nine_species": lambda store: (), "ours": reached(5.0, 40), "published": reached(0, 50)}
    monkeypatch.setitem(sys.modules, "time_to_precision", SimpleNamespace(**runs))
    assert train_speed.measure_time_to(0.8, 2.0)["time_to_080_speedup"] == expected
