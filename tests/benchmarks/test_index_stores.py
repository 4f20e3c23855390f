import pytest


def test_the_stores_give_the_same_answers(benchmark_named, figures_of, tmp_path):
    pytest.importorskip("milvus_lite")
    address = f"milvus:{tmp_path / 'stores.db'}"
    figures = figures_of(benchmark_named("index_stores"), address, "--rows", "60")
    assert figures["lite_same_answers"] == 1.0
    assert all(figures[f"{store}_search_milliseconds"] > 0 for store in ("embedded", "lite"))
