def test_a_short_run_gives_every_figure_and_leaves_nothing(benchmark_named, figures_of):
    benchmark = benchmark_named("serve_speed")
    options = ("--rows", "500", "--seconds", "0.5", "--minutes", "0.1", "--hostile", "0.5")
    figures = figures_of(benchmark, *options, "--backbone", "small_cnn")
    assert 0 < figures["p50_ms"] == figures["p50_ms_1"] <= figures["p95_ms_1"]
    assert figures["p95_ms_32"] > 0
    assert figures["serve_throughput_ratio"] > 0
    assert figures["mixed_requests"] > 10
    for name in ("errors_5xx", "unexpected", "broken", "files_left", "processes_left"):
        assert figures[name] == 0, (name, figures)
    assert 0.5 < figures["memory_growth_ratio"] < 3
