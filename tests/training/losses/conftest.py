"""Fixtures of the loss tests: points placed by hand or at random, and the pairs found slowly."""

import keras
import numpy as np
import pytest
import tensorflow as tf

Batch = tuple[np.ndarray, np.ndarray]


@pytest.fixture
def random_batch():
    """Labels int32 [num, 1 + num_sources] and unit vectors float32 [num, 5]."""

    def draw(seed: int, num: int = 12, num_classes: int = 4, num_sources: int = 0) -> Batch:
        rng = np.random.default_rng(seed)
        vectors = rng.normal(size=(num, 5))
        classes = rng.integers(0, num_classes, (num, 1))
        sources = rng.integers(-1, num // 2, (num, num_sources))
        labels = np.concatenate([classes, sources], axis=1).astype(np.int32)
        return labels, (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    return draw


@pytest.fixture
def pairs_of():
    """Labels [num, 1 + num_sources] -> of each item its positives, and its negatives."""

    def find(labels: np.ndarray) -> tuple[list[list[int]], list[list[int]]]:
        positives: list[list[int]] = [[] for _ in labels]
        negatives: list[list[int]] = [[] for _ in labels]
        for i, first in enumerate(labels):
            for j, second in enumerate(labels):
                shares = any(a == b and a >= 0 for a, b in zip(first[1:], second[1:], strict=True))
                if i != j and not shares:
                    (positives if first[0] == second[0] else negatives)[i].append(j)
        return positives, negatives

    return find


@pytest.fixture
def gradient_of():
    def gradient(loss: keras.losses.Loss, labels: object, embeddings: np.ndarray) -> np.ndarray:
        variable = tf.Variable(embeddings)
        with tf.GradientTape() as tape:
            value = loss(labels, variable)
        return tape.gradient(value, variable).numpy()

    return gradient
