import numpy as np
import pytest

from inference.metrics import bootstrap_interval


def test_the_interval_covers_the_true_mean_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    num_covered = 0
    for seed in range(200):
        source_means = generator.normal(0.7, 0.1, 30)
        values = np.repeat(source_means, 8) + generator.normal(0, 0.02, 240)
        low, high = bootstrap_interval(
            values, np.repeat(np.arange(30), 8), num_resamples=400, seed=seed
        )
        num_covered += low <= 0.7 <= high
    assert 0.88 <= num_covered / 200 <= 0.99


def test_values_of_one_source_count_as_one() -> None:
    values = np.repeat(np.random.default_rng(1).normal(0, 1, 20), 50)
    low, high = bootstrap_interval(values, np.repeat(np.arange(20), 50))
    low_alone, high_alone = bootstrap_interval(values)
    assert high - low > 5 * (high_alone - low_alone)


def test_the_same_seed_gives_the_same_interval_and_nan_is_left_out() -> None:
    values = np.array([0.0, 1.0, np.nan, 1.0, 0.5])
    assert bootstrap_interval(values) == bootstrap_interval(values[[0, 1, 3, 4]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": [1.0, 0.0], "groups": ["a", "a"]}, "at least 2 groups, received 1"),
        ({"values": [1.0, 0.0], "groups": ["a"]}, "must be of one length"),
        ({"values": [1.0, 0.0], "confidence": 95}, r"confidence must be in \(0, 1\)"),
    ],
)
def test_what_gives_no_interval_is_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(**arguments)
