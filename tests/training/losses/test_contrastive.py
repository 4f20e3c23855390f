import numpy as np
import pytest

from training.losses import ContrastiveLoss


def slowly(pairs, embeddings, margin):
    together, apart = [], []
    for anchor, (positives, negatives) in enumerate(zip(*pairs, strict=True)):
        for other in positives:
            together.append(0.5 * np.linalg.norm(embeddings[anchor] - embeddings[other]) ** 2)
        for other in negatives:
            distance = np.linalg.norm(embeddings[anchor] - embeddings[other])
            apart.append(0.5 * max(0, margin - distance) ** 2)
    return sum(np.mean(losses) for losses in (together, apart) if losses)


def test_points_on_a_circle_give_the_loss_worked_out_by_hand(on_circle):
    labels, embeddings = np.array([0, 0, 1]), on_circle(0, 90, 180)
    # positives at distance √2; negatives at 2 (costs nothing) and √2, under a margin of 1.5
    expected = 0.5 * 2 + 0.5 * (0.5 * (1.5 - 2**0.5) ** 2)
    assert float(ContrastiveLoss(1.5)(labels, embeddings)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_it_agrees_with_nested_loops(seed, random_batch, pairs_of):
    labels, embeddings = random_batch(seed, num=3 + 3 * seed, num_sources=seed % 3)
    expected = slowly(pairs_of(labels), embeddings, 1.2)
    assert float(ContrastiveLoss(1.2)(labels, embeddings)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("arguments", [{"margin": -1.0}, {"distance": "manhattan"}])
def test_options_out_of_range_are_refused(arguments):
    with pytest.raises(ValueError, match=f"Expected {next(iter(arguments))} "):
        ContrastiveLoss(**arguments)
