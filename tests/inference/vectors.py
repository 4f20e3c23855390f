"""Vectors of unit length for the tests."""

import numpy as np


def unit(vectors: np.ndarray) -> np.ndarray:
    """Each row divided by its length."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def random_unit(num: int, size: int = 16, seed: int = 0) -> np.ndarray:
    """float32 [num, size], in all directions."""
    return unit(np.random.default_rng(seed).standard_normal((num, size))).astype(np.float32)


def on_circle(*degrees: float) -> np.ndarray:
    """float32 [num, 2], at these angles."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def random_set(num: int, num_labels: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """float32 [num, 3], and a label for each."""
    generator = np.random.default_rng(seed)
    embeddings = unit(generator.standard_normal((num, 3))).astype(np.float32)
    return embeddings, generator.integers(0, num_labels, num)
