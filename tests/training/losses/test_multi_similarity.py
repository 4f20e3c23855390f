import math

import numpy as np
import pytest

from training.losses import MultiSimilarityLoss


def slowly(pairs, embeddings, alpha, beta, base, epsilon):
    losses = []
    for anchor, (positives, negatives) in enumerate(zip(*pairs, strict=True)):
        if not positives or not negatives:
            continue
        similar = [float(embeddings[anchor] @ other) for other in embeddings]
        least, most = min(similar[p] for p in positives), max(similar[n] for n in negatives)
        pull = [
            math.exp(-alpha * (similar[p] - base)) for p in positives if similar[p] < most + epsilon
        ]
        push = [
            math.exp(beta * (similar[n] - base)) for n in negatives if similar[n] > least - epsilon
        ]
        losses.append(math.log(1 + sum(pull)) / alpha + math.log(1 + sum(push)) / beta)
    return np.mean(losses) if losses else 0.0


@pytest.mark.parametrize("seed", range(6))
def test_it_agrees_with_nested_loops(seed, random_batch, pairs_of):
    labels, embeddings = random_batch(seed, num=3 + 3 * seed, num_sources=seed % 3)
    loss = MultiSimilarityLoss(2.0, 40.0, base=0.3, epsilon=0.2)(labels, embeddings)
    expected = slowly(pairs_of(labels), embeddings, 2.0, 40.0, 0.3, 0.2)
    assert float(loss) == pytest.approx(expected, abs=1e-5)


def test_points_on_a_circle_give_the_loss_worked_out_by_hand(on_circle):
    labels, embeddings = np.array([0, 0, 1]), on_circle(0, 90, 90)
    # anchor 0: positive and negative at cosine 0; anchor 90: positive at 0, negative at 1
    pull = math.log(1 + math.exp(1)) / 2
    push = [math.log(1 + math.exp(-5)) / 10, math.log(1 + math.exp(5)) / 10]
    loss = MultiSimilarityLoss(2.0, 10.0, base=0.5)(labels, embeddings)
    assert float(loss) == pytest.approx(pull + np.mean(push), abs=1e-6)


def test_classes_farther_apart_than_they_are_wide_cost_nothing(on_circle, gradient_of):
    labels, embeddings = np.array([0, 0, 1, 1]), on_circle(0, 5, 90, 95)
    loss = MultiSimilarityLoss()
    assert float(loss(labels, embeddings)) == 0.0
    assert (gradient_of(loss, labels, embeddings) == 0).all()


@pytest.mark.parametrize(
    "arguments", [{"alpha": 0}, {"beta": -1}, {"epsilon": 0}, {"base": -1.0}, {"base": 2.0}]
)
def test_options_out_of_range_are_refused(arguments):
    with pytest.raises(ValueError, match=f"Expected {next(iter(arguments))} "):
        MultiSimilarityLoss(**arguments)
