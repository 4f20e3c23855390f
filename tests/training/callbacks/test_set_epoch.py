"""Batches and dropout of an epoch are the same, wherever a run began."""

import keras
import numpy as np

from training.callbacks import SetEpoch
from training.triplet_model import create_triplet_model
from triplets.pair_batches import pair_batches
from triplets.pipeline import EpochCounter


@keras.saving.register_keras_serializable(package="tests")
class PullAndPush(keras.losses.Loss):
    """A loss of triplets that needs nothing of the labels."""

    def call(self, y_true, y_pred):
        anchor, positive, negative = (y_pred[:, i] for i in range(3))
        return keras.ops.sum(anchor * (negative - positive), axis=-1)


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


class OnePixel:
    """A photo source of one feature, varied by noise."""

    shape = (1,)
    dtype = np.dtype(np.float32)

    def load(self, image_index: int, rng: np.random.Generator | None) -> np.ndarray:
        return np.array([image_index + (0 if rng is None else rng.uniform())], np.float32)


def test_dropout_of_an_epoch_does_not_depend_on_the_epochs_before(triplets):
    def hidden(initial_epoch: int) -> list[float]:
        model = create_triplet_model(small_encoder())
        model.compile(keras.optimizers.SGD(0.0), loss=PullAndPush())  # learns nothing
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


def test_two_datasets_may_follow_one_fit(triplets):
    counters = EpochCounter(), EpochCounter()
    follow = SetEpoch(*counters)
    follow.set_model(small_encoder())
    follow.on_epoch_begin(3)
    assert [counter.begin() for counter in counters] == [3, 3]
    follow.on_train_end()
    assert [counter.begin() for counter in counters] == [4, 4]


def test_without_the_callback_each_iterator_is_the_next_epoch(triplets):
    counter = EpochCounter()
    dataset = triplets.to_dataset(5, photos=OnePixel(), epoch=counter)
    orders = [tuple(np.concatenate([y for _, y in dataset])[:, 0, 1]) for _ in range(3)]
    assert counter.epoch == 3
    assert len(set(orders)) == 3
    iter(dataset)  # an iterator that gives nothing, as Keras makes them, counts for nothing
    assert counter.epoch == 3
