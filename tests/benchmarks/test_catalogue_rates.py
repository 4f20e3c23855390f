import pytest


@pytest.fixture(scope="module")
def shares(benchmark_named):
    return benchmark_named("catalogue_rates").one_world("easy", 0)


@pytest.mark.parametrize("method", ["calibrated", "nearest"])
def test_every_known_animal_gets_one_answer(shares, method):
    said = [shares[f"{method}_known_{word}"] for word in ("right", "wrong", "uncertain", "new")]
    assert sum(said) == pytest.approx(1)


def test_easy_animals_are_recognised_and_strangers_rarely_named(shares):
    assert shares["calibrated_known_right"] > 0.9
    assert shares["calibrated_unknown_named"] < 0.05 < shares["nearest_unknown_named"]
