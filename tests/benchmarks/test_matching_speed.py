def test_a_shortlist_is_timed(benchmark_named, figures_of):
    options = ("--shortlist", "5", "--questions", "1")
    figures = figures_of(benchmark_named("matching_speed"), *options)
    assert figures["points_per_photo"] > 100
    assert figures["rerank_seconds"] > 0
