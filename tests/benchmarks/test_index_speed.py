"""The benchmark of the index, on a small one: it runs, and its figures fit together."""

import importlib.util
import json
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "index_speed.py"


def test_the_table_and_the_json_hold_every_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    pytest.importorskip("faiss")
    spec = importlib.util.spec_from_file_location("index_speed", FILE)
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    monkeypatch.setattr(benchmark, "NAMES", {500: "100k", 1500: "1m"})
    arguments = ["--sizes", "500", "1500", "--turns", "3", "--json", str(tmp_path / "a.json")]
    monkeypatch.setattr("sys.argv", ["index_speed.py", *arguments])
    benchmark.main()
    figures = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert {
        "search_ratio_100k",
        "memory_ratio_1m",
        "open_seconds_1m",
        "bulk_rows_per_second",
        "first_filter_by_a_key_seconds_1m",
    } <= set(figures)
    assert all(value > 0 for value in figures.values())
    assert figures["search_ratio_100k"] == max(
        figures["single_ratio_100k"], figures["batch_ratio_100k"]
    )
    assert figures["bulk_rows_per_second"] == figures["bulk_rows_per_second_1m"]
    assert "1500 embeddings" in capsys.readouterr().out
