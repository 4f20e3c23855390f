"""Made-up individuals that are hard to tell apart, and the calibration of others like them."""

import numpy as np
import pytest

from inference.calibrate import Calibration, PairCalibration, with_groupings
from tests.inference.vectors import unit

SIZE = 64
NUM_HERDS = 5


def make_individuals(num: int, num_individuals: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Individuals of five herds, whose members resemble each other; each has a noise of its own."""
    rng = np.random.default_rng(seed)
    herd = unit(np.random.default_rng(99).standard_normal((NUM_HERDS, SIZE)))
    own = unit(rng.standard_normal((num_individuals, SIZE)))
    centres = unit(herd[rng.integers(0, NUM_HERDS, num_individuals)] + own)
    noise = 0.5 * np.exp(0.25 * rng.standard_normal(num_individuals)) / np.sqrt(SIZE)
    further = rng.integers(0, num_individuals, num - num_individuals)
    labels = rng.permutation(np.concatenate([np.arange(num_individuals), further]))
    views = centres[labels] + noise[labels, np.newaxis] * rng.standard_normal((num, SIZE))
    return unit(views).astype(np.float32), labels


@pytest.fixture(scope="session")
def unseen() -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of 25 individuals."""
    return make_individuals(200, 25, seed=5)


@pytest.fixture(scope="session")
def calibration() -> Calibration:
    """Of 60 other individuals of the same herds."""
    pair = PairCalibration(slope=20.0, intercept=-11.0)
    empty = Calibration("wren-1", {"image-image": pair})
    return with_groupings(empty, *make_individuals(480, 60, seed=1))
