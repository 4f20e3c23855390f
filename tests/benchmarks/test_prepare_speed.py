"""The benchmark of preparing, on the tiny aviary: it runs, and its figures fit together."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from aviary import write_aviary
from fused_encoder import LogMelFeatures
from triplets import scan_folders

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "prepare_speed.py"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("prepare_speed", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    home = tmp_path_factory.mktemp("data") / "nine_species"
    aviary = write_aviary(home, size="tiny", shows_progress=False)
    return aviary.images, aviary.audio


def test_the_table_and_the_json_hold_both_yamnets(
    benchmark: ModuleType,
    folders: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.setenv("FUSED_ENCODER_DATA", str(folders[0].parent.parent))
    monkeypatch.setenv("FUSED_ENCODER_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(benchmark, "load_yamnet", lambda *_: LogMelFeatures())
    arguments = ["--per-class", "2", "--triplets", "2", "--rounds", "2", "--json"]
    monkeypatch.setattr("sys.argv", ["prepare_speed.py", *arguments, str(tmp_path / "a.json")])
    benchmark.main()
    figures = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert {"cold_speedup", "warm_speedup", "cold_speedup_h5", "warm_seconds_h5"} <= set(figures)
    assert all(value > 0 for value in figures.values())
    assert figures["cold_speedup"] == figures["published_seconds"] / figures["cold_seconds"]
    assert "(2 triplets measured, extrapolated)" in capsys.readouterr().out


def test_members_are_two_of_one_class_and_one_of_another(
    benchmark: ModuleType, folders: tuple[Path, Path]
) -> None:
    members = benchmark.draw_members(scan_folders(*folders), np.random.default_rng(0))
    for _ in range(20):
        triplet = next(members)
        (own, positive, other) = [[path.parent.name for path in pair] for pair in triplet]
        assert own == positive
        assert len({*own, *other}) == 2


@pytest.mark.parametrize("read_seconds", [None, 5.0])
def test_the_published_way_hears_five_seconds_of_each_member(
    benchmark: ModuleType, folders: tuple[Path, Path], read_seconds: float | None
) -> None:
    members = next(benchmark.draw_members(scan_folders(*folders), np.random.default_rng(0)))
    triplet = benchmark.published_triplet(LogMelFeatures(), members, read_seconds)
    assert [photo.shape for photo, _ in triplet] == [(224, 224, 3)] * 3
    assert [sequence.shape for _, sequence in triplet] == [(10, 1024)] * 3
