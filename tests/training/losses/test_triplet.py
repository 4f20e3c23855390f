import numpy as np
import pytest
import tensorflow as tf

from tests.inference.vectors import on_circle
from training import TripletLoss

DISTANCES = ("squared_euclidean", "euclidean", "cosine")
MININGS = ("all", "hard", "semi-hard", "easy-positive")


def distance_between(first: np.ndarray, second: np.ndarray, distance: str) -> float:
    if distance == "cosine":
        return 1.0 - float(np.dot(first, second))
    squared = float(((first.astype(float) - second) ** 2).sum())
    return squared if distance == "squared_euclidean" else squared**0.5


def semi_hard(to_positive: float, to_negatives: list[float]) -> float:
    beyond = [far for far in to_negatives if far > to_positive]
    return min(beyond) if beyond else max(to_negatives)


def mined_slowly(pairs, embeddings, margin: float, mining: str, distance: str) -> float:
    """The definition, in nested loops over anchors, positives and negatives."""
    losses = []
    for anchor, (positives, negatives) in enumerate(zip(*pairs, strict=True)):
        if not positives or not negatives:
            continue
        far = [distance_between(embeddings[anchor], other, distance) for other in embeddings]
        to_negatives = [far[n] for n in negatives]
        if mining == "hard":
            positives = [max(positives, key=far.__getitem__)]
        if mining == "easy-positive":
            positives = [min(positives, key=far.__getitem__)]
        for positive in positives:
            if mining == "all":
                each = [far[positive] - to_negative + margin for to_negative in to_negatives]
                losses += [loss for loss in each if loss > 0]
            else:
                hard = mining == "hard"
                chosen = min(to_negatives) if hard else semi_hard(far[positive], to_negatives)
                losses.append(max(0.0, far[positive] - chosen + margin))
    return float(np.mean(losses)) if losses else 0.0


@pytest.mark.parametrize(
    ("distance", "expected"),
    [("squared_euclidean", 2.0 - 1.0 + 0.2), ("euclidean", 2**0.5 - 1.0 + 0.2), ("cosine", 0.7)],
)
def test_points_on_a_circle_give_the_loss_worked_out_by_hand(distance, expected):
    triplet = on_circle(0, 90, 60)[None]  # positive at a right angle, negative at 60 degrees
    loss = TripletLoss(0.2, distance=distance)(np.zeros((1, 3)), triplet)
    assert float(loss) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("mining", "expected"),
    [
        # anchors 0 and 90 (one class), negatives 60 and 180; 1 - cosine: see each case
        ("hard", ((1.0 - 0.5) + (1.0 - (1 - 3**0.5 / 2))) / 2 + 0.2),
        ("semi-hard", (0.0 + 0.2) / 2),  # anchor 0: 2.0 is beyond 1.0; anchor 90: none, so the 1.0
        ("easy-positive", (0.0 + 0.2) / 2),
        ("all", (0.7 + (3**0.5 / 2 + 0.2) + 0.2) / 3),  # the triplet (0, 90, 180) costs nothing
    ],
)
def test_each_mining_takes_the_triplets_found_by_hand(mining, expected):
    labels, embeddings = np.array([0, 0, 1, 2]), on_circle(0, 90, 60, 180)
    loss = TripletLoss(0.2, mining=mining, distance="cosine")(labels, embeddings)
    assert float(loss) == pytest.approx(expected, abs=1e-5)


def test_easy_positive_leaves_a_class_in_two_clusters():
    labels, embeddings = np.array([0, 0, 0, 0, 1, 1]), on_circle(0, 5, 180, 185, 90, 92)
    assert float(TripletLoss(mining="easy-positive")(labels, embeddings)) == 0.0
    assert float(TripletLoss(mining="hard")(labels, embeddings)) > 1.0


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("mining", MININGS)
@pytest.mark.parametrize("seed", range(6))
def test_mining_agrees_with_three_nested_loops(mining, distance, seed, random_batch, pairs_of):
    options = {"num_classes": 2 + seed % 4, "num_sources": seed % 3}
    labels, embeddings = random_batch(seed, num=3 + 3 * seed, **options)
    loss = TripletLoss(0.4, mining=mining, distance=distance)(labels, embeddings)
    expected = mined_slowly(pairs_of(labels), embeddings, 0.4, mining, distance)
    assert float(loss) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("mining", MININGS)
def test_gradients_agree_with_small_steps(mining, random_batch, gradient_of):
    labels, embeddings = random_batch(1, num=8, num_classes=2)
    loss, step = TripletLoss(0.4, mining=mining), 1e-3
    direction = np.random.default_rng(0).normal(size=embeddings.shape).astype(np.float32)
    direction *= step / np.linalg.norm(direction)
    ahead, behind = (float(loss(labels, embeddings + s * direction)) for s in (1, -1))
    slope = float((gradient_of(loss, labels, embeddings) * direction).sum())
    assert slope == pytest.approx((ahead - behind) / 2, abs=3e-2 * step)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("mining", [None, *MININGS])
def test_a_collapsed_batch_costs_the_margin(mining, distance):
    embeddings = np.broadcast_to(on_circle(40)[0], (2, 3, 2)).copy()
    loss = TripletLoss(0.3, mining=mining, distance=distance)
    assert float(loss(np.array([[0, 0, 1], [1, 1, 0]]), embeddings)) == pytest.approx(0.3, abs=1e-6)


@pytest.mark.parametrize("mining", MININGS)
def test_no_tensor_is_as_large_as_the_number_of_triplets(mining, random_batch):
    num = 40
    labels, embeddings = random_batch(0, num=num)
    loss = TripletLoss(mining=mining)

    @tf.function
    def value_and_gradient(labels, embeddings):
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            value = loss(labels, embeddings)
        return value, tape.gradient(value, embeddings)

    graph = value_and_gradient.get_concrete_function(
        tf.constant(labels), tf.constant(embeddings)
    ).graph
    shapes = [tensor.shape for operation in graph.get_operations() for tensor in operation.outputs]
    sizes = [shape.num_elements() for shape in shapes if shape.rank is not None]
    assert max(size for size in sizes if size is not None) <= 5 * num**2
    assert sum(size is None for size in sizes) == 0  # all are known, none hides


def test_without_mining_sources_are_not_looked_at():
    triplet = on_circle(0, 90, 60)[None]
    same_file = np.zeros((1, 3, 3), dtype=np.int32)
    assert float(TripletLoss(0.2)(same_file, triplet)) == pytest.approx(1.2, abs=1e-5)
