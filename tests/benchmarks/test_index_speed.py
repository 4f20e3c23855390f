import pytest


def test_the_figures_of_every_size_fit_together(benchmark_named, figures_of, monkeypatch, capsys):
    pytest.importorskip("faiss")
    benchmark = benchmark_named("index_speed")
    monkeypatch.setattr(benchmark, "NAMES", {500: "100k", 1500: "1m"})
    figures = figures_of(benchmark, "--sizes", "500", "1500", "--turns", "3")
    assert {
        "memory_ratio_1m",
        "open_seconds_1m",
        "first_answer_seconds_100k",
        "bulk_random_rows_per_second",
    } <= set(figures)
    assert all(value > 0 for value in figures.values())
    ratios = (figures["single_ratio_100k"], figures["batch_ratio_100k"])
    assert figures["search_ratio_100k"] == max(ratios)
    assert figures["bulk_rows_per_second"] == figures["bulk_rows_per_second_1m"]
    assert "search_ratio_1m" in capsys.readouterr().out
