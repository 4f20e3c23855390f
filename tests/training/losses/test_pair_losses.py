"""What all losses over labelled embeddings have in common."""

import keras
import numpy as np
import pytest

from training.losses import (
    ContrastiveLoss,
    CrossBatchMemory,
    InfoNCELoss,
    MultiSimilarityLoss,
    SupConLoss,
    TripletLoss,
)

LOSSES = {
    "all": lambda: TripletLoss(0.3, mining="all"),
    "hard": lambda: TripletLoss(0.3, mining="hard", distance="euclidean"),
    "semi-hard": lambda: TripletLoss(0.3, mining="semi-hard", distance="cosine"),
    "easy-positive": lambda: TripletLoss(0.3, mining="easy-positive"),
    "contrastive": lambda: ContrastiveLoss(0.9),
    "info_nce": lambda: InfoNCELoss(0.2),
    "sup_con": lambda: SupConLoss(0.2),
    "multi_similarity": lambda: MultiSimilarityLoss(3.0, 20.0, base=0.4, epsilon=0.2),
    "memory": lambda: CrossBatchMemory(SupConLoss(), memory_size=8, embedding_size=5),
}


@pytest.fixture(params=LOSSES)
def new_loss(request):
    return LOSSES[request.param]


@pytest.fixture
def loss(new_loss):
    return new_loss()


def test_the_order_of_the_batch_does_not_matter(new_loss, random_batch):
    labels, embeddings = random_batch(3, num_sources=2)
    order = np.random.default_rng(0).permutation(len(labels))
    shuffled = float(new_loss()(labels[order], embeddings[order]))
    assert shuffled == pytest.approx(float(new_loss()(labels, embeddings)), abs=1e-5)


def test_a_column_of_classes_is_as_good_as_a_row(new_loss, random_batch):
    labels, embeddings = random_batch(4)
    assert float(new_loss()(labels[:, 0], embeddings)) == float(new_loss()(labels, embeddings))


@pytest.mark.parametrize("num_sources", [0, 2])
def test_triplets_are_pooled_to_their_members(new_loss, num_sources, random_batch):
    labels, embeddings = random_batch(5, num_sources=num_sources)
    pooled = new_loss()(labels.reshape(4, 3, -1), embeddings.reshape(4, 3, 5))
    assert float(pooled) == pytest.approx(float(new_loss()(labels, embeddings)), abs=1e-5)


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [[0, 5], [0, 5], [1, 5], [2, 5]]])
def test_a_batch_without_any_anchor_costs_nothing(loss, labels, random_batch, gradient_of):
    if isinstance(loss, ContrastiveLoss):
        loss.margin = 1e-6  # it learns from negatives alone, so here they are far enough
    embeddings = random_batch(0, num=4)[1]
    assert float(loss(np.array(labels), embeddings)) == 0.0
    assert (gradient_of(loss, np.array(labels), embeddings) == 0).all()


def test_a_batch_of_one_class_costs_nothing(loss, random_batch, gradient_of):
    if isinstance(loss, ContrastiveLoss):
        return  # it learns from positives alone, too
    embeddings = random_batch(0, num=4)[1]
    assert float(loss(np.zeros(4), embeddings)) == 0.0
    assert (gradient_of(loss, np.zeros(4), embeddings) == 0).all()


IDENTICAL = np.eye(1, 5).repeat(6, axis=0)
ANTIPODAL = IDENTICAL * [[1], [-1], [1], [-1], [1], [-1]]


@pytest.mark.parametrize("embeddings", [IDENTICAL, ANTIPODAL, np.zeros((6, 5))])
def test_gradients_of_degenerate_embeddings_are_finite(loss, embeddings, gradient_of):
    for labels in ([0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 0, 1]):
        gradient = gradient_of(loss, np.array(labels), embeddings.astype(np.float32))
        assert np.isfinite(gradient).all()


def test_half_precision_is_compared_in_single_precision(new_loss, random_batch, gradient_of):
    labels, embeddings = random_batch(6)
    half = embeddings.astype(np.float16)
    expected = float(new_loss()(labels, half.astype(np.float32)))
    assert float(new_loss()(labels, half)) == pytest.approx(expected, abs=1e-6)
    assert np.isfinite(gradient_of(new_loss(), labels, half)).all()


def test_the_parts_of_a_loss_average_to_the_loss(new_loss, random_batch):
    labels, embeddings = random_batch(7)
    config = {**new_loss().get_config(), "reduction": "none"}
    parts = type(new_loss()).from_config(config)(labels, embeddings)
    assert parts.shape == (12,)
    assert float(np.mean(parts)) == pytest.approx(float(new_loss()(labels, embeddings)), abs=1e-6)


def test_the_loss_is_rebuilt_from_its_config(loss):
    rebuilt = keras.losses.deserialize(keras.losses.serialize(loss))
    assert type(rebuilt) is type(loss)
    assert rebuilt.get_config() == loss.get_config()
    assert keras.saving.get_registered_name(type(loss)).startswith("fused_encoder>")


def test_a_compiled_model_is_saved_with_its_loss(loss, random_batch, tmp_path):
    labels, inputs = random_batch(8)
    model = keras.Sequential([keras.Input((5,)), keras.layers.UnitNormalization()])
    model.compile("sgd", loss)
    loss(labels, model(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert loaded.loss.get_config() == loss.get_config()
    next_losses = [float(m.loss(labels, m(inputs))) for m in (model, loaded)]
    assert next_losses[1] == pytest.approx(next_losses[0], abs=1e-6)


def test_it_makes_a_network_tell_classes_apart(loss):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    classes = np.arange(32) % 4
    inputs = rng.normal(size=(4, 8))[classes] + 0.3 * rng.normal(size=(32, 8))
    labels = np.stack([classes, np.arange(32)], axis=1)
    model = keras.Sequential([keras.layers.Dense(5), keras.layers.UnitNormalization()])
    model.compile(keras.optimizers.Adam(0.02), loss)
    losses = [model.train_on_batch(inputs, labels) for _ in range(30)]
    assert losses[-1] < losses[0]
    embeddings = model(inputs).numpy()
    cosines = embeddings @ embeddings.T - 2 * np.eye(32)
    assert (classes[cosines.argmax(axis=1)] == classes).mean() > 0.9
