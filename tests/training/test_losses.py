import keras
import numpy as np
import pytest
import tensorflow as tf

from training import TripletLoss

DISTANCES = ("squared_euclidean", "euclidean", "cosine")
MININGS = ("hard", "semi-hard")


def on_circle(*degrees: float) -> np.ndarray:
    """Unit vectors [num, 2]."""
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=-1).astype(np.float32)


def random_batch(seed: int, num: int = 12, num_classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(num, 5))
    labels = rng.integers(0, num_classes, num).astype(np.int32)
    return labels, (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def distance_between(first: np.ndarray, second: np.ndarray, distance: str) -> float:
    if distance == "cosine":
        return 1.0 - float(np.dot(first, second))
    squared = float(((first.astype(float) - second) ** 2).sum())
    return squared if distance == "squared_euclidean" else squared**0.5


def mined_slowly(
    labels: np.ndarray, embeddings: np.ndarray, margin: float, mining: str, distance: str
) -> float:
    """The definition, in nested loops."""
    losses, num = [], len(labels)
    for anchor in range(num):
        far = {i: distance_between(embeddings[anchor], embeddings[i], distance) for i in range(num)}
        positives = [i for i in range(num) if i != anchor and labels[i] == labels[anchor]]
        negatives = [i for i in range(num) if labels[i] != labels[anchor]]
        if not positives or not negatives:
            continue
        if mining == "hard":
            positives = [max(positives, key=far.__getitem__)]
        for positive in positives:
            beyond = [far[n] for n in negatives if far[n] > far[positive]]
            chosen = min(beyond) if beyond else max(far[n] for n in negatives)
            if mining == "hard":
                chosen = min(far[n] for n in negatives)
            losses.append(max(0.0, far[positive] - chosen + margin))
    return float(np.mean(losses)) if losses else 0.0


def gradient_of(loss: TripletLoss, labels: np.ndarray, embeddings: np.ndarray) -> np.ndarray:
    variable = tf.Variable(embeddings)
    with tf.GradientTape() as tape:
        value = loss(labels, variable)
    return tape.gradient(value, variable).numpy()


@pytest.mark.parametrize(
    ("distance", "expected"),
    [("squared_euclidean", 2.0 - 1.0 + 0.2), ("euclidean", 2**0.5 - 1.0 + 0.2), ("cosine", 0.7)],
)
def test_points_on_a_circle_give_the_loss_worked_out_by_hand(distance, expected):
    triplet = on_circle(0, 90, 60)[None]  # positive at a right angle, negative at 60 degrees
    loss = TripletLoss(0.2, distance=distance)(np.zeros((1, 3)), triplet)
    assert float(loss) == pytest.approx(expected, abs=1e-5)


def test_a_negative_beyond_the_margin_costs_nothing():
    triplet = on_circle(0, 10, 180)[None]
    assert float(TripletLoss(0.2)(np.zeros((1, 3)), triplet)) == 0.0


@pytest.mark.parametrize("distance", DISTANCES)
def test_explicit_triplets_agree_with_nested_loops(distance):
    _, embeddings = random_batch(0, num=21)
    triplets = embeddings.reshape(7, 3, 5)
    slow = [
        max(
            0.0,
            distance_between(a, p, distance) - distance_between(a, n, distance) + 0.3,
        )
        for a, p, n in triplets
    ]
    loss = TripletLoss(0.3, distance=distance)(np.zeros((7, 3)), triplets)
    assert float(loss) == pytest.approx(np.mean(slow), abs=1e-5)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("mining", MININGS)
@pytest.mark.parametrize("seed", range(6))
def test_mining_agrees_with_three_nested_loops(mining, distance, seed):
    labels, embeddings = random_batch(seed, num=3 + 3 * seed, num_classes=2 + seed % 4)
    loss = TripletLoss(0.4, mining=mining, distance=distance)(labels, embeddings)
    expected = mined_slowly(labels, embeddings, 0.4, mining, distance)
    assert float(loss) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("mining", MININGS)
def test_an_anchor_is_never_its_own_positive(mining):
    embeddings = on_circle(0, 120, 240)
    loss = TripletLoss(5.0, mining=mining)(np.array([0, 1, 2]), embeddings)
    assert float(loss) == 0.0  # with themselves as positives each would cost 5 - 3


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("mining", MININGS)
@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 1, 2, 3]])
def test_a_batch_without_positives_or_without_negatives_costs_nothing(mining, distance, labels):
    embeddings = on_circle(0, 30, 60, 90)
    loss = TripletLoss(mining=mining, distance=distance)
    assert float(loss(np.array(labels), embeddings)) == 0.0
    assert (gradient_of(loss, np.array(labels), embeddings) == 0).all()


@pytest.mark.parametrize("mining", [None, *MININGS])
@pytest.mark.parametrize("distance", DISTANCES)
def test_gradients_of_identical_embeddings_are_finite(mining, distance):
    embeddings = np.broadcast_to(on_circle(40)[0], (2, 3, 2)).copy()
    loss = TripletLoss(mining=mining, distance=distance)
    gradient = gradient_of(loss, np.array([[0, 0, 1], [1, 1, 0]]), embeddings)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("mining", MININGS)
def test_the_order_of_the_batch_does_not_matter(mining):
    labels, embeddings = random_batch(3)
    order = np.random.default_rng(0).permutation(len(labels))
    loss = TripletLoss(mining=mining)
    assert float(loss(labels[order], embeddings[order])) == pytest.approx(
        float(loss(labels, embeddings)), abs=1e-6
    )


@pytest.mark.parametrize("mining", MININGS)
def test_labelled_triplets_are_mined_as_their_members(mining):
    labels, embeddings = random_batch(5)
    loss = TripletLoss(mining=mining)
    of_triplets = loss(labels.reshape(4, 3), embeddings.reshape(4, 3, 5))
    assert float(of_triplets) == pytest.approx(float(loss(labels, embeddings)), abs=1e-6)


@pytest.mark.parametrize("mining", MININGS)
def test_mining_makes_a_network_tell_classes_apart(mining):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    labels = np.arange(32) % 4
    inputs = rng.normal(size=(4, 8))[labels] + 0.3 * rng.normal(size=(32, 8))
    model = keras.Sequential([keras.layers.Dense(4), keras.layers.UnitNormalization()])
    model.compile(keras.optimizers.Adam(0.02), TripletLoss(mining=mining))
    losses = model.fit(inputs, labels, batch_size=16, epochs=15, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def test_the_loss_is_rebuilt_from_its_config():
    loss = TripletLoss(0.3, mining="hard", distance="cosine", name="mine")
    rebuilt = keras.losses.deserialize(keras.losses.serialize(loss))
    assert isinstance(rebuilt, TripletLoss)
    assert rebuilt.get_config() == loss.get_config()


def test_a_compiled_model_is_saved_with_its_loss(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.UnitNormalization()])
    model.compile("adam", TripletLoss(0.7, mining="semi-hard"))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert (loaded.loss.margin, loaded.loss.mining) == (0.7, "semi-hard")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"margin": 0}, r"Expected margin > 0, received 0\."),
        ({"mining": "easy"}, r"Expected mining to be one of .*'hard'.*, received 'easy'\."),
        ({"distance": "far"}, r"Expected distance to be one of .*'cosine'.*, received 'far'\."),
    ],
)
def test_options_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        TripletLoss(**arguments)


def test_labelled_embeddings_need_mining():
    with pytest.raises(ValueError, match=r"\[batch, 3, embedding_size\], received \(4, 2\)\. Use "):
        TripletLoss()(np.arange(4), on_circle(0, 1, 2, 3))
