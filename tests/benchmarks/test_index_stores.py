"""The benchmark of the stores runs, and finds the same answers in each."""

import json
import runpy
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "index_stores.py"


def test_the_stores_give_the_same_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("milvus_lite")
    told = tmp_path / "told.json"
    arguments = [f"milvus:{tmp_path / 'stores.db'}", "--rows", "60", "--json", str(told)]
    monkeypatch.setattr(sys, "argv", [str(FILE), *arguments])
    runpy.run_path(str(FILE), run_name="__main__")
    figures = json.loads(told.read_text("utf-8"))
    assert figures["lite_same_answers"] == 1.0
    assert all(figures[f"{store}_search_milliseconds"] > 0 for store in ("embedded", "lite"))
