"""Fixtures of the grouping tests: made-up individuals that are hard to tell apart, and their rule."""

import numpy as np
import pytest

from inference.calibrate import Calibration, PairCalibration
from inference.grouping import rule
from inference.grouping.rule import GroupingRule, fit_grouping_rule

SIZE = 64
NUM_HERDS = 5


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def make_individuals(num: int, num_individuals: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Individuals of five herds, whose members resemble each other; each has a noise of its own."""
    rng = np.random.default_rng(seed)
    herd = unit(np.random.default_rng(99).standard_normal((NUM_HERDS, SIZE)))
    own = unit(rng.standard_normal((num_individuals, SIZE)))
    centres = unit(herd[rng.integers(0, NUM_HERDS, num_individuals)] + own)
    noise = 0.7 * np.exp(0.25 * rng.standard_normal(num_individuals)) / np.sqrt(SIZE)
    further = rng.integers(0, num_individuals, num - num_individuals)
    labels = rng.permutation(np.concatenate([np.arange(num_individuals), further]))
    views = centres[labels] + noise[labels, np.newaxis] * rng.standard_normal((num, SIZE))
    return unit(views).astype(np.float32), labels


@pytest.fixture(scope="session")
def known() -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of 40 known individuals, and who each is."""
    return make_individuals(320, 40, seed=1)


@pytest.fixture(scope="session")
def unseen() -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of 25 other individuals of the same herds."""
    return make_individuals(200, 25, seed=2)


@pytest.fixture(scope="session")
def fitted_rule(known: tuple[np.ndarray, np.ndarray]) -> GroupingRule:
    """The rule of the known individuals, with 40 footages instead of 120."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rule, "NUM_FOOTAGES", 20)
        return fit_grouping_rule(*known)


@pytest.fixture(scope="session")
def calibration(fitted_rule: GroupingRule) -> Calibration:
    """A calibration whose photos are grouped by that rule."""
    pair = PairCalibration(slope=20.0, intercept=-11.0)
    return Calibration("wren-1", {"image-image": pair}, groupings={"image": fitted_rule})
