import math

import keras
import numpy as np
import pytest

from training.losses import ArcFaceLoss, ClassCosines


def slowly(classes, cosines, margin, scale):
    losses = []
    for own, row in zip(classes, cosines, strict=True):
        angle = math.acos(row[own])
        past = angle + margin > math.pi
        widened = row[own] - margin * math.sin(margin) if past else math.cos(angle + margin)
        logits = [scale * (widened if i == own else cosine) for i, cosine in enumerate(row)]
        losses.append(math.log(sum(map(math.exp, logits))) - logits[own])
    return np.mean(losses)


@pytest.fixture
def cosines():
    return np.random.default_rng(0).uniform(-0.99, 0.99, (20, 4)).astype(np.float32)


@pytest.mark.parametrize(("margin", "scale"), [(0.5, 16.0), (0.2, 4.0), (1.2, 8.0), (0.0, 8.0)])
def test_it_agrees_with_nested_loops(margin, scale, cosines):
    classes = np.arange(20) % 4
    loss = ArcFaceLoss(margin, scale)(classes, cosines)
    assert float(loss) == pytest.approx(slowly(classes, cosines, margin, scale), rel=1e-5)


def test_a_smaller_angle_to_the_own_centre_never_costs_more():
    angles = np.radians(np.linspace(0, 180, 181))
    cosines = np.stack([np.cos(angles), np.zeros(181)], axis=1).astype(np.float32)
    losses = ArcFaceLoss(reduction="none")(np.zeros(181), cosines)
    assert (np.diff(losses) >= -1e-5).all()


def test_gradients_at_the_centre_and_opposite_to_it_are_finite(gradient_of):
    cosines = np.array([[1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]], dtype=np.float32)
    gradient = gradient_of(ArcFaceLoss(), np.array([0, 0, 1]), cosines)
    assert np.isfinite(gradient).all()


def test_only_the_class_column_is_looked_at(cosines):
    classes = np.arange(20) % 4
    with_sources = np.stack([classes, np.arange(20), np.arange(20)], axis=1)
    loss = ArcFaceLoss()
    assert float(loss(with_sources, cosines)) == float(loss(classes, cosines))


def test_the_layer_measures_the_angle_to_each_centre_whatever_the_lengths():
    layer = ClassCosines(3)
    layer.build((None, 2))
    layer.set_weights([np.array([[2.0, 0.0], [0.0, 0.5], [-1.0, 0.0]])])
    np.testing.assert_allclose(layer(np.array([[3.0, 0.0]])), [[1, 0, -1]], atol=1e-6)
    assert layer(np.zeros((4, 3, 2))).shape == (4, 3, 3)


def test_the_layer_computes_in_single_precision_in_a_half_precision_model():
    model = keras.Sequential([keras.layers.Dense(5, dtype="mixed_float16"), ClassCosines(3)])
    assert keras.ops.dtype(model(np.ones((2, 4)))) == "float32"


def test_centres_are_trained_and_saved_with_the_model(tmp_path):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    classes = np.arange(60) % 3
    inputs = rng.normal(size=(3, 8))[classes] + 0.3 * rng.normal(size=(60, 8))
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4), ClassCosines(3)])
    model.compile(keras.optimizers.Adam(0.02), ArcFaceLoss(scale=16.0), metrics=["accuracy"])
    before = model.layers[-1].get_weights()[0].copy()
    history = model.fit(inputs, classes, batch_size=60, epochs=30, verbose=0).history
    assert history["accuracy"][-1] > 0.9
    assert not np.allclose(model.layers[-1].get_weights()[0], before)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(loaded(inputs), model(inputs), atol=1e-6)
    assert loaded.loss.get_config() == model.loss.get_config()
