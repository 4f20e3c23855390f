import pytest


@pytest.fixture(scope="module")
def train_speed(benchmark_named):
    return benchmark_named("train_speed")


def test_each_way_of_training_is_measured(train_speed):
    figures = train_speed.measure_steps("small_cnn", batch_size=1, num_rounds=1)
    assert all(seconds > 0 for seconds in figures.values())
    for way in ("block5", "frozen"):
        ratio = figures["published_step_seconds"] / figures[f"{way}_step_seconds"]
        assert figures[f"{way}_step_speedup"] == pytest.approx(ratio)


@pytest.mark.parametrize(("precision", "expected"), [(0.85, 20.0), (0.79, 0.0)])
def test_a_target_that_is_not_reached_gives_no_speedup(
    train_speed, monkeypatch, precision, expected
):
    def reached(create, sides, options, store):
        is_ours = options is train_speed.OURS
        return (5.0, 40, precision) if is_ours else (0.0, 50, precision)

    monkeypatch.setattr(train_speed, "nine_species", lambda store: (None, None))
    monkeypatch.setattr(train_speed, "split_media", lambda media, **options: ())
    monkeypatch.setattr(train_speed, "train_until", reached)
    assert train_speed.measure_time_to_target(2.0)["time_to_080_speedup"] == expected
