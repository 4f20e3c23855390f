import importlib.util
from pathlib import Path

import pytest

from aviary import write_aviary
from training import PairBatches, TrainingOptions
from triplets import FeatureStore

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "retrieval_quality.py"


@pytest.fixture
def benchmark(monkeypatch):
    spec = importlib.util.spec_from_file_location("retrieval_quality", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    quick = TrainingOptions(PairBatches(4, 2, steps_per_epoch=2), epochs=1)
    monkeypatch.setattr(module, "AVIARY_OPTIONS", quick)
    monkeypatch.setattr(
        module, "write_aviary", lambda folder, size, **kw: write_aviary(folder, size="tiny", **kw)
    )
    return module


def test_the_aviary_is_measured_and_told_by_its_keys(benchmark, tmp_path, capsys):
    figures = benchmark.aviary(FeatureStore(tmp_path / "store"), 1, tmp_path)
    best = max(figures["aviary_image_only_p1"], figures["aviary_audio_only_p1"])
    assert figures["aviary_best_single_p1"] == best
    assert all(0 <= figure <= 1 for figure in figures.values())
    assert f"{figures['aviary_fused_p1']:.3f}" in capsys.readouterr().out


def test_a_part_of_the_classes_is_numbered_anew(benchmark, tmp_path):
    media, _ = benchmark._aviary(FeatureStore(tmp_path / "store"), tmp_path)
    part = benchmark._only(media, {1, 3})
    assert part.class_names == (media.class_names[1], media.class_names[3])
    assert {file.class_index for file in (*part.images, *part.recordings)} == {0, 1}
    assert all(part.class_names[f.class_index] in str(f.path) for f in part.images)
