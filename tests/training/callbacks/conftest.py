"""Fixtures of the callbacks' tests: a very small encoder, and two sides of the tiny aviary."""

import keras
import pytest

from fused_encoder import create_fused_encoder
from triplets import prepare_media, scan_folders


@pytest.fixture
def small_encoder():
    """An encoder that sees 7 x 7 pixels: quick to make, to trace and to train."""

    def create(seed=0):
        keras.utils.set_random_seed(seed)
        layers = [keras.Input((224, 224, 3)), keras.layers.AveragePooling2D(32)]
        eye = keras.Sequential([*layers, keras.layers.Conv2D(8, 3, activation="relu")])
        return create_fused_encoder(image_backbone=eye, seed=seed)

    return create


@pytest.fixture(scope="session")
def gallery(triplets):
    return triplets.media


@pytest.fixture(scope="session")
def held_out(aviary, yamnet, store):
    folders = scan_folders(aviary.held_out_images, aviary.held_out_audio, min_sources_per_class=1)
    return prepare_media(folders, yamnet, store=store, progress=False)


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
