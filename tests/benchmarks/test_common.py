import os

import numpy as np
import pytest


@pytest.fixture(scope="module")
def common(benchmark_named):
    return benchmark_named("common")


def test_options_are_read_by_their_defaults(common, monkeypatch):
    arguments = ["--only", "b", "--sizes", "3", "4", "--quick", "--json", "x.json"]
    monkeypatch.setattr("sys.argv", ["benchmark.py", *arguments])
    options = common.read_options(
        "What.", only=("a", "b"), sizes=(1, 2), seed=0, hours=1.0, workers=int, quick=False
    )
    assert (options.only, options.sizes, options.quick) == (["b"], [3, 4], True)
    assert (options.seed, options.hours, options.workers) == (0, 1.0, None)
    assert str(options.json) == "x.json"


def test_a_process_of_its_own_is_another_one(common):
    assert common.alone(os.getpid) != os.getpid()
    assert common.peak_bytes() > np.zeros(10_000).nbytes
