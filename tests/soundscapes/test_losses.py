"""Losses against loops."""

import keras
import numpy as np
import pytest

from soundscapes.losses import SOUND_LOSSES, SoftAucLoss, sound_loss


def _softplus(x):
    return np.log1p(np.exp(x))


def test_soft_auc_is_the_mean_over_pairs_and_a_quarter_of_cross_entropy():
    rng = np.random.default_rng(1)
    labels, logits = (rng.random((5, 3)) < 0.4).astype(np.float32), rng.normal(0, 1, (5, 3))
    pairs = [
        _softplus(logits[j, k] - logits[i, k])
        for k in range(3)
        for i in range(5)
        for j in range(5)
        if labels[i, k] and not labels[j, k]
    ]
    crossed = np.mean(_softplus(logits) - labels * logits)
    loss = float(SoftAucLoss()(labels, logits.astype(np.float32)))
    assert loss == pytest.approx(np.mean(pairs) + 0.25 * crossed, abs=1e-5)


def test_cross_entropy_shares_itself_among_the_species_of_a_clip():
    logits = np.array([[2.0, 0.0, -1.0]], np.float32)
    logs = logits - np.log(np.exp(logits).sum())
    loss = float(sound_loss("cross_entropy")(np.array([[1.0, 1.0, 0.0]]), logits))
    assert loss == pytest.approx(-(logs[0, 0] + logs[0, 1]) / 2, abs=1e-5)


@pytest.mark.parametrize("name", SOUND_LOSSES)
def test_each_falls_where_logits_rise_towards_the_labels_and_comes_back_from_its_config(name):
    labels = np.eye(4, dtype=np.float32)
    right, wrong = 3 * (2 * labels - 1), 3 * (1 - 2 * labels)
    loss = sound_loss(name)
    assert float(loss(labels, right)) < float(loss(labels, wrong))
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert float(again(labels, right)) == float(loss(labels, right))


def test_an_unknown_one_is_refused():
    with pytest.raises(ValueError, match="Expected a loss of binary_cross_entropy"):
        sound_loss("hinge")
