"""Clips of the augmentation's tests: rows in decibels and waveforms, of different lengths, with labels."""

import numpy as np
import pytest

NUM_CLASSES = 5


@pytest.fixture
def labels() -> np.ndarray:
    """One species each; the first and the fourth clip are of the same."""
    return np.eye(NUM_CLASSES, dtype=np.float32)[[0, 1, 2, 0, 3, 4, 2, 1]]


@pytest.fixture
def frames() -> np.ndarray:
    """float32 [8, 60, 20], the second padded from row 50 on."""
    rng = np.random.default_rng(0)
    frames = rng.normal(-50, 15, (8, 60, 20)) + 10 * np.arange(8)[:, None, None] - 40
    frames = np.maximum(frames, -100).astype(np.float32)
    frames[1, 50:] = 0
    return frames


@pytest.fixture
def waveforms() -> np.ndarray:
    """float32 [8, 6000], of different levels, the second padded from sample 5000 on."""
    rng = np.random.default_rng(0)
    waveforms = rng.normal(0, 1, (8, 6000)) * np.geomspace(0.01, 0.3, 8)[:, None]
    waveforms[1, 5000:] = 0
    return waveforms.astype(np.float32)
