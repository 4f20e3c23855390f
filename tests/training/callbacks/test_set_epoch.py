"""Batches and dropout of an epoch are the same, wherever a run began."""

import keras
import numpy as np

from tests.triplets.test_pair_batches import OnePixel
from training.callbacks import SetEpoch
from training.triplet_model import create_triplet_model
from triplets.pair_batches import pair_batches
from triplets.pipeline import EpochCounter


def small_encoder(seed: int = 0, image_shape: tuple[int, ...] = (1,)) -> keras.Model:
    """Two inputs, dropout, a unit vector; the same weights and dropout for the same seed."""
    keras.utils.set_random_seed(seed)
    image = keras.Input(image_shape, name="image_input")
    audio = keras.Input((None, 1024), name="audio_input")
    seen = keras.layers.Dense(4, name="see")(keras.layers.Flatten()(image))
    heard = keras.layers.Dense(4, name="hear")(keras.layers.GlobalAveragePooling1D()(audio))
    joined = keras.layers.Dropout(0.4)(keras.layers.Concatenate()([seen, heard]))
    embedding = keras.layers.UnitNormalization()(keras.layers.Dense(5, name="join")(joined))
    return keras.Model({"image_input": image, "audio_input": audio}, embedding)


def test_dropout_of_an_epoch_does_not_depend_on_the_epochs_before(triplets, pull_and_push):
    def hidden(initial_epoch: int) -> list[float]:
        model = create_triplet_model(small_encoder())
        model.compile(keras.optimizers.SGD(0.0), loss=pull_and_push)  # learns nothing
        counter = EpochCounter()
        dataset = triplets.to_dataset(5, photos=OnePixel(), epoch=counter)
        options = {"epochs": 3, "initial_epoch": initial_epoch, "verbose": 0}
        return model.fit(dataset, callbacks=[SetEpoch(counter)], **options).history["loss"]

    losses = hidden(0)
    assert len(set(losses)) == 3
    np.testing.assert_allclose(hidden(2), losses[2:], rtol=1e-6)


def _seen_in_fit(make_dataset, **fit_options) -> list[tuple[int, ...]]:
    """For each step of a fit the classes, photos and recordings of its batch."""
    seen: list[np.ndarray] = []

    class Witness(keras.losses.Loss):
        def call(self, y_true, y_pred):
            seen.append(np.asarray(y_true))
            return keras.ops.sum(y_pred, axis=-1)

    counter = EpochCounter()
    encoder = small_encoder()
    encoder.compile("sgd", loss=Witness(), run_eagerly=True)
    encoder.fit(make_dataset(counter), verbose=0, callbacks=[SetEpoch(counter)], **fit_options)
    return [tuple(labels.astype(int).ravel()) for labels in seen]


def test_a_fit_from_epoch_three_on_sees_the_batches_of_epoch_three(triplets):
    def dataset(counter: EpochCounter):
        return pair_batches(triplets.media, photos=OnePixel(), steps_per_epoch=2, epoch=counter)

    from_zero = _seen_in_fit(dataset, epochs=5)
    from_three = _seen_in_fit(dataset, epochs=5, initial_epoch=3)
    assert len(set(from_zero)) == 10
    assert from_three == from_zero[6:]
