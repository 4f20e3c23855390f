import importlib.util
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "catalogue_rates.py"


@pytest.fixture(scope="module")
def shares():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(FILE.parent))
        spec = importlib.util.spec_from_file_location("catalogue_rates", FILE)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.one_world("easy", 0)


@pytest.mark.parametrize("method", ["calibrated", "without_known_scores", "nearest"])
def test_every_known_animal_gets_one_answer(shares, method):
    said = [shares[f"{method}_known_{word}"] for word in ("right", "wrong", "uncertain", "new")]
    assert sum(said) == pytest.approx(1)


def test_easy_animals_are_recognised_and_strangers_rarely_named(shares):
    assert shares["calibrated_known_right"] > 0.9
    assert shares["calibrated_unknown_named"] < 0.05 < shares["nearest_unknown_named"]
