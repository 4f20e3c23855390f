import keras
import numpy as np
import pytest
import tensorflow as tf

from training.objective import create_training_model, create_training_state, with_targets
from training.options import TrainingOptions


def model_and_dataset(class_scale):
    """A training model around an encoder of six numbers, and what it is fitted to."""
    keras.utils.set_random_seed(0)
    numbers = keras.Input((6,), name="image_input")
    embedding = keras.layers.UnitNormalization()(keras.layers.Dense(3)(numbers))
    encoder = keras.Model({"image_input": numbers}, embedding)
    options = TrainingOptions(class_scale=class_scale)
    model = create_training_model(encoder, 4, options, total_steps=4)
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4, dtype=np.int32), 2)[:, None]
    inputs = {"image_input": rng.normal(size=(8, 6)).astype(np.float32)}
    dataset = tf.data.Dataset.from_tensor_slices((inputs, labels)).batch(8).repeat(2)
    return model, with_targets(dataset, model)


@pytest.mark.parametrize("class_scale", [None, 8.0])
def test_a_step_whose_variables_are_there_is_traced_once(class_scale, monkeypatch):
    model, dataset = model_and_dataset(class_scale)
    traced, step = [], model.train_step
    monkeypatch.setattr(model, "train_step", lambda data: traced.append(data) or step(data))
    create_training_state(model, dataset)
    model.fit(dataset, epochs=2, verbose=0)
    assert len(traced) == 1
