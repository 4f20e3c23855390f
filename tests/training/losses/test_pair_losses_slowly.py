"""Each loss over pairs against its definition in nested loops, and by hand on a circle."""

import math

import numpy as np
import pytest

from tests.inference.vectors import on_circle
from training.losses import ContrastiveLoss, InfoNCELoss, MultiSimilarityLoss, SupConLoss

SOFTMAX_LOSSES = [InfoNCELoss, SupConLoss]


def contrastive_slowly(pairs, cosines):
    together, apart = [], []
    for row, positives, negatives in zip(cosines, *pairs, strict=True):
        distances = np.sqrt(np.maximum(2 - 2 * row, 0))
        together += [0.5 * distances[p] ** 2 for p in positives]
        apart += [0.5 * max(0, 1.2 - distances[n]) ** 2 for n in negatives]
    return sum(np.mean(losses) for losses in (together, apart) if losses)


def info_nce_slowly(pairs, cosines):
    losses = []
    for row, positives, negatives in zip(np.exp(cosines / 0.2), *pairs, strict=True):
        for p in positives if negatives else []:
            losses.append(-math.log(row[p] / (row[p] + sum(row[negatives]))))
    return np.mean(losses) if losses else 0.0


def sup_con_slowly(pairs, cosines):
    losses = []
    for row, positives, negatives in zip(np.exp(cosines / 0.2), *pairs, strict=True):
        if positives and negatives:
            below = sum(row[[*positives, *negatives]])
            losses.append(np.mean([-math.log(row[p] / below) for p in positives]))
    return np.mean(losses) if losses else 0.0


def multi_similarity_slowly(pairs, cosines, alpha=2.0, beta=40.0, base=0.3, epsilon=0.2):
    losses = []
    for row, positives, negatives in zip(cosines, *pairs, strict=True):
        if positives and negatives:
            least, most = min(row[positives]), max(row[negatives])
            pull = sum(math.exp(-alpha * (s - base)) for s in row[positives] if s < most + epsilon)
            push = sum(math.exp(beta * (s - base)) for s in row[negatives] if s > least - epsilon)
            losses.append(math.log(1 + pull) / alpha + math.log(1 + push) / beta)
    return np.mean(losses) if losses else 0.0


@pytest.mark.parametrize(
    ("loss", "slowly"),
    [
        (ContrastiveLoss(1.2), contrastive_slowly),
        (InfoNCELoss(0.2), info_nce_slowly),
        (SupConLoss(0.2), sup_con_slowly),
        (MultiSimilarityLoss(2.0, 40.0, base=0.3, epsilon=0.2), multi_similarity_slowly),
    ],
)
@pytest.mark.parametrize("seed", range(6))
def test_it_agrees_with_nested_loops(loss, slowly, seed, random_batch, pairs_of):
    labels, embeddings = random_batch(seed, num=3 + 3 * seed, num_sources=seed % 3)
    expected = slowly(pairs_of(labels), embeddings.astype(float) @ embeddings.T)
    assert float(loss(labels, embeddings)) == pytest.approx(expected, abs=1e-4)


def test_points_on_a_circle_give_the_contrastive_loss_worked_out_by_hand():
    labels, embeddings = np.array([0, 0, 1]), on_circle(0, 90, 180)
    # positives at distance √2; negatives at 2 (costs nothing) and √2, under a margin of 1.5
    expected = 0.5 * 2 + 0.5 * (0.5 * (1.5 - 2**0.5) ** 2)
    assert float(ContrastiveLoss(1.5)(labels, embeddings)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("loss_class", SOFTMAX_LOSSES)
def test_points_on_a_circle_give_the_softmax_losses_worked_out_by_hand(loss_class):
    labels, embeddings = np.array([0, 0, 1]), on_circle(0, 90, 180)
    # anchor 0: cosines 0 and -1; anchor 90: cosines 0 and 0; the third has no positive
    expected = (math.log(1 + math.exp(-1)) + math.log(2)) / 2
    assert float(loss_class(1.0)(labels, embeddings)) == pytest.approx(expected, abs=1e-6)


def test_points_on_a_circle_give_the_multi_similarity_worked_out_by_hand():
    labels, embeddings = np.array([0, 0, 1]), on_circle(0, 90, 90)
    # anchor 0: positive and negative at cosine 0; anchor 90: positive at 0, negative at 1
    pull = math.log(1 + math.exp(1)) / 2
    push = [math.log(1 + math.exp(-5)) / 10, math.log(1 + math.exp(5)) / 10]
    loss = MultiSimilarityLoss(2.0, 10.0, base=0.5)(labels, embeddings)
    assert float(loss) == pytest.approx(pull + np.mean(push), abs=1e-6)


def test_classes_farther_apart_than_they_are_wide_have_no_multi_similarity(gradient_of):
    labels, embeddings = np.array([0, 0, 1, 1]), on_circle(0, 5, 90, 95)
    assert float(MultiSimilarityLoss()(labels, embeddings)) == 0.0
    assert (gradient_of(MultiSimilarityLoss(), labels, embeddings) == 0).all()


@pytest.mark.parametrize("loss_class", SOFTMAX_LOSSES)
def test_a_very_low_temperature_overflows_nothing(loss_class, random_batch, gradient_of):
    labels, embeddings = random_batch(0)
    assert np.isfinite(float(loss_class(1e-4)(labels, embeddings)))
    assert np.isfinite(gradient_of(loss_class(1e-4), labels, embeddings)).all()
