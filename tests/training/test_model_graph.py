import keras
import numpy as np
import pytest
from keras import layers

from training.model_graph import calls_of, is_constant, repeat_calls


def frozen(layer, *shape):
    layer.trainable = False
    layer(np.zeros((1, *shape), np.float32))
    return layer


class Noisy(layers.Layer):
    """Takes `training`, as a layer of the user's own may."""

    def call(self, inputs, training=False):
        return -inputs if training else inputs


class Jitter(layers.Layer):
    """Random without taking `training`."""

    def __init__(self):
        super().__init__()
        self.generator = keras.random.SeedGenerator(0)

    def call(self, inputs):
        return inputs + keras.random.normal(inputs.shape, seed=self.generator)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.ReLU(), True),
        (layers.Dropout(0.0), True),
        (layers.Dropout(0.5), False),
        (layers.GaussianNoise(0.5), False),
        (layers.BatchNormalization(), True),
        (layers.Dense(2), True),
        (layers.TimeDistributed(layers.Dropout(0.5)), False),
        (Noisy(), False),
        (Jitter(), False),
        (keras.Sequential([layers.Dense(2), layers.BatchNormalization()]), True),
        (keras.Sequential([layers.Dense(2), layers.Dropout(0.5)]), False),
    ],
)
def test_a_frozen_layer_is_constant_unless_training_may_change_what_it_gives(layer, expected):
    assert is_constant(frozen(layer, 3, 4)) is expected


def test_weights_or_statistics_that_are_trained_are_not_constant():
    norm = layers.BatchNormalization(center=False, scale=False)
    assert not is_constant(norm)
    norm(np.zeros((1, 4), np.float32))
    assert not is_constant(norm)  # it has no trainable weight, and still moves its averages
    dense = layers.Dense(2)
    dense(np.zeros((1, 4), np.float32))
    assert not is_constant(dense)


def test_calls_come_after_those_whose_tensors_they_take():
    inputs = keras.Input((4,))
    x = layers.Dense(4)(inputs)
    model = keras.Model(inputs, layers.Add()([layers.Dense(4)(layers.ReLU()(x)), x]))
    seen = {id(inputs)}
    for call in calls_of(model):
        assert seen.issuperset(map(id, call.inputs))
        seen.update(map(id, call.outputs))
    assert id(model.outputs[0]) in seen


def test_a_layer_that_is_called_twice_is_two_calls_and_repeats_with_the_same_weights():
    dense, inputs = layers.Dense(4), keras.Input((4,))
    model = keras.Model(inputs, dense(dense(inputs) * 2.0))
    calls = calls_of(model)
    assert [call.operation for call in calls].count(dense) == 2
    again = keras.Input((4,))
    copy = keras.Model(again, repeat_calls(calls, {id(inputs): again})[id(model.outputs[0])])
    x = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(copy(x), model(x))
    assert copy.weights[0] is model.weights[0]


def test_a_sequential_model_shows_its_calls_too():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.ReLU()])
    assert [type(call.operation).__name__ for call in calls_of(model)] == ["Dense", "ReLU"]
