import pytest

from aviary import write_aviary
from training import PairBatches, TrainingOptions
from triplets import FeatureStore


@pytest.fixture
def benchmark(benchmark_named, monkeypatch):
    module = benchmark_named("retrieval_quality")
    quick = TrainingOptions(PairBatches(4, 2, steps_per_epoch=2), epochs=1)
    monkeypatch.setattr(module, "AVIARY_OPTIONS", quick)
    monkeypatch.setattr(
        module, "write_aviary", lambda folder, size, **kw: write_aviary(folder, size="tiny", **kw)
    )
    return module


def test_the_aviary_is_measured_and_told_by_its_keys(benchmark, tmp_path, capsys):
    figures = benchmark.aviary(FeatureStore(tmp_path / "store"), tmp_path)
    best = max(figures["aviary_image_only_p1"], figures["aviary_audio_only_p1"])
    assert figures["aviary_best_single_p1"] == best
    assert all(0 <= figure <= 1 for figure in figures.values())
    assert f"{figures['aviary_fused_p1']:.4g}" in capsys.readouterr().out


def test_a_part_of_the_classes_is_numbered_anew(benchmark, tmp_path):
    media, _ = benchmark.aviary_media(FeatureStore(tmp_path / "store"), tmp_path)
    part = benchmark.only(media, {1, 3})
    assert part.class_names == (media.class_names[1], media.class_names[3])
    assert {file.class_index for file in (*part.images, *part.recordings)} == {0, 1}
    assert all(part.class_names[f.class_index] in str(f.path) for f in part.images)
