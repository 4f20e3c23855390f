"""Fixtures of the callbacks' tests: two sides of the tiny aviary, and a fit of one weight."""

import keras
import pytest


class PullAndPush(keras.losses.Loss):
    """A loss of triplets that needs nothing of the labels."""

    def call(self, y_true, y_pred):
        return keras.ops.sum(y_pred[:, 0] * (y_pred[:, 2] - y_pred[:, 1]), axis=-1)


@pytest.fixture(scope="session")
def pull_and_push():
    return PullAndPush()


@pytest.fixture(scope="session")
def gallery(sides):
    return sides[0]


@pytest.fixture(scope="session")
def held_out(sides):
    return sides[1]


@pytest.fixture
def fit_with():
    """Fits a model of one weight with some callbacks, and gives the history."""

    def fit(epochs, *callbacks, **options):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        numbers = keras.ops.zeros((4, 1))
        options |= {"epochs": epochs, "callbacks": list(callbacks), "verbose": 0}
        return model.fit(numbers, numbers, batch_size=2, **options).history

    return fit
