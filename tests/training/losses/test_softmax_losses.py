"""InfoNCELoss and SupConLoss, which differ in what stands below the line."""

import math

import numpy as np
import pytest

from training.losses import InfoNCELoss, SupConLoss


def info_nce_slowly(pairs, embeddings, temperature):
    losses = []
    for anchor, (positives, negatives) in enumerate(zip(*pairs, strict=True)):
        exp = [math.exp(float(embeddings[anchor] @ other) / temperature) for other in embeddings]
        for positive in positives if negatives else []:
            below = exp[positive] + sum(exp[n] for n in negatives)
            losses.append(-math.log(exp[positive] / below))
    return np.mean(losses) if losses else 0.0


def sup_con_slowly(pairs, embeddings, temperature):
    losses = []
    for anchor, (positives, negatives) in enumerate(zip(*pairs, strict=True)):
        exp = [math.exp(float(embeddings[anchor] @ other) / temperature) for other in embeddings]
        below = sum(exp[other] for other in (*positives, *negatives))
        if positives and negatives:
            losses.append(np.mean([-math.log(exp[p] / below) for p in positives]))
    return np.mean(losses) if losses else 0.0


@pytest.mark.parametrize(
    ("loss_class", "slowly"), [(InfoNCELoss, info_nce_slowly), (SupConLoss, sup_con_slowly)]
)
@pytest.mark.parametrize("seed", range(6))
def test_it_agrees_with_nested_loops(loss_class, slowly, seed, random_batch, pairs_of):
    labels, embeddings = random_batch(seed, num=3 + 3 * seed, num_sources=seed % 3)
    expected = slowly(pairs_of(labels), embeddings, 0.2)
    assert float(loss_class(0.2)(labels, embeddings)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("loss_class", [InfoNCELoss, SupConLoss])
def test_points_on_a_circle_give_the_loss_worked_out_by_hand(loss_class, on_circle):
    labels, embeddings = np.array([0, 0, 1]), on_circle(0, 90, 180)
    # anchor 0: cosines 0 and -1; anchor 90: cosines 0 and 0; the third has no positive
    expected = (math.log(1 + math.exp(-1)) + math.log(2)) / 2
    assert float(loss_class(1.0)(labels, embeddings)) == pytest.approx(expected, abs=1e-6)


def test_two_items_of_each_class_make_both_losses_one(random_batch):
    labels, embeddings = np.arange(12) // 2, random_batch(0)[1]
    both = [float(loss(labels, embeddings)) for loss in (InfoNCELoss(), SupConLoss())]
    assert both[0] == pytest.approx(both[1], abs=1e-5)


@pytest.mark.parametrize("loss_class", [InfoNCELoss, SupConLoss])
def test_a_very_low_temperature_overflows_nothing(loss_class, random_batch, gradient_of):
    labels, embeddings = random_batch(0)
    assert np.isfinite(float(loss_class(1e-4)(labels, embeddings)))
    assert np.isfinite(gradient_of(loss_class(1e-4), labels, embeddings)).all()


@pytest.mark.parametrize("loss_class", [InfoNCELoss, SupConLoss])
def test_a_temperature_of_zero_is_refused(loss_class):
    with pytest.raises(ValueError, match=r"Expected temperature > 0, received 0\."):
        loss_class(0)
