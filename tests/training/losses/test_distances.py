import numpy as np
import pytest
import tensorflow as tf

from training.losses.distances import paired_distances, pairwise_distances

DISTANCES = ("squared_euclidean", "euclidean", "cosine")


def slowly(first, second, distance):
    first, second = first.astype(float), second.astype(float)
    if distance == "cosine":
        return 1 - first @ second / np.linalg.norm(first) / np.linalg.norm(second)
    squared = ((first - second) ** 2).sum()
    return squared if distance == "squared_euclidean" else squared**0.5


@pytest.mark.parametrize("distance", DISTANCES)
def test_each_pair_agrees_with_a_nested_loop_whatever_the_lengths(distance):
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(4, 3)), 2 * rng.normal(size=(6, 3))
    expected = [[slowly(a, b, distance) for b in second] for a in first]
    measured = pairwise_distances(np.float32(first), np.float32(second), distance)
    np.testing.assert_allclose(measured, expected, atol=1e-4)


@pytest.mark.parametrize("distance", DISTANCES)
def test_rows_that_are_paired_have_the_distances_of_the_diagonal(distance, random_batch):
    first, second = random_batch(0)[1], random_batch(1)[1]
    diagonal = np.diag(pairwise_distances(first, second, distance))
    np.testing.assert_allclose(paired_distances(first, second, distance), diagonal, atol=1e-5)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("vectors", [[[1, 0], [1, 0]], [[1, 0], [-1, 0]], [[0, 0], [0, 0]]])
def test_gradients_are_finite_for_equal_opposite_and_zero_vectors(distance, vectors):
    points = tf.Variable(np.float32(vectors))
    with tf.GradientTape(persistent=True) as tape:
        pairwise = tf.reduce_sum(pairwise_distances(points, points, distance))
        paired = tf.reduce_sum(paired_distances(points, points[::-1], distance))
    for total in (pairwise, paired):
        assert np.isfinite(tape.gradient(total, points).numpy()).all()
