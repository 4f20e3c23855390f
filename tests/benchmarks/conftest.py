import importlib
import json
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="session")
def benchmark_named():
    """Imports a benchmark by its name, as a script beside it would."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module


@pytest.fixture
def figures_of(tmp_path, monkeypatch):
    """Runs a benchmark's `main` with some options; gives the figures that it wrote."""

    def run(benchmark, *options):
        told = tmp_path / "figures.json"
        monkeypatch.setattr("sys.argv", [benchmark.__name__, *options, "--json", str(told)])
        benchmark.main()
        return json.loads(told.read_text("utf-8"))

    return run
