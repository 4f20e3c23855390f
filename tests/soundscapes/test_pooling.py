"""Pooling over moments, against the same in plain words, and with padding that changes nothing."""

import keras
import numpy as np
import pytest

from soundscapes.pooling import POOLINGS, PoolMoments, PresentFrames


def _pooled_by_hand(pooling, logits, attention):
    """One clip, one species: float [num_times] each."""
    if pooling == "attention":
        weights = np.exp(attention) / np.exp(attention).sum()
        return (weights * logits).sum()
    if pooling == "max":
        return logits.max()
    if pooling == "mean":
        return logits.mean()
    if pooling == "log_sum_exp":
        return np.log(np.exp(logits).mean())
    silent = np.prod(1 - 1 / (1 + np.exp(-logits)))
    return np.log((1 - silent) / silent)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_it_is_what_its_name_says_whatever_was_padded(pooling):
    rng = np.random.default_rng(0)
    logits, attention = rng.normal(0, 2, (2, 3, 7, 4)).astype(np.float32)
    present = np.ones((3, 7), np.float32)
    present[1, 4:] = 0
    given = attention if pooling == "attention" else None
    pooled = np.asarray(PoolMoments(pooling)(logits, present, given))
    for clip, num in enumerate([7, 4, 7]):
        for species in range(4):
            expected = _pooled_by_hand(
                pooling, logits[clip, :num, species], attention[clip, :num, species]
            )
            assert pooled[clip, species] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("size", [-60.0, 60.0])
def test_noisy_or_of_sure_moments_is_finite_and_has_a_gradient(size):
    import tensorflow as tf

    logits = tf.Variable(np.full((1, 5, 2), size, np.float32))
    with tf.GradientTape() as tape:
        pooled = PoolMoments("noisy_or")(logits)
    assert np.isfinite(pooled).all()
    assert np.isfinite(tape.gradient(pooled, logits)).all()


def test_frames_of_zeros_are_absent():
    frames = np.array([[[0, 1], [0, 0], [2, 0]]], np.float32)
    np.testing.assert_array_equal(PresentFrames()(frames), [[1, 0, 1]])


def test_an_unknown_pooling_and_attention_without_weights_are_refused():
    with pytest.raises(ValueError, match="Expected pooling of attention, max"):
        PoolMoments("sum")
    with pytest.raises(ValueError, match="needs `attention`"):
        PoolMoments("attention")(keras.ops.zeros((1, 2, 3)))
