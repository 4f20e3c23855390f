"""Photos of spotted animals: the same spots on other backgrounds, moved and lit otherwise."""

import cv2
import numpy as np
import pytest

from media import save_image


def spotted(individual: int, encounter: int) -> np.ndarray:
    """uint8 [300, 400, 3]: a flank with the individual's spots, in an encounter's place and light."""
    flank = np.full((300, 400), 90, np.uint8)
    own = np.random.default_rng(individual)
    for _ in range(60):
        centre = own.integers((60, 40), (340, 240)).tolist()
        axes, turn = own.integers(2, 9, 2).tolist(), float(own.uniform(0, 180))
        cv2.ellipse(flank, centre, axes, turn, 0, 360, int(own.integers(150, 255)), -1)
    rng = np.random.default_rng((individual, encounter))
    shift = np.array([[1, 0, 0], [0, 1, 0]], float)
    shift[:, :2] += rng.uniform(-0.03, 0.03, (2, 2))
    shift[:, 2] = rng.uniform(-6, 6, 2)
    moved = cv2.warpAffine(flank, shift, (400, 300), borderMode=cv2.BORDER_REPLICATE).astype(float)
    lit = np.clip(moved * rng.uniform(0.7, 1.1) + rng.normal(0, 4, moved.shape), 0, 255)
    return np.repeat(lit.astype(np.uint8)[..., None], 3, axis=2)


@pytest.fixture(scope="session")
def herd(tmp_path_factory):
    """(individual, encounter) -> the file of a photo; six individuals, three encounters of each."""
    folder = tmp_path_factory.mktemp("herd")
    files = {(i, e): folder / f"{i}_{e}.png" for i in range(6) for e in range(3)}
    for (individual, encounter), path in files.items():
        save_image(path, spotted(individual, encounter))
    return files
