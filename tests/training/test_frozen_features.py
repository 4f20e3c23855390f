import tracemalloc
from dataclasses import replace
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from fused_encoder.encoder import behind_trunk, load_encoder
from tests.training.conftest import new_encoder
from training import TripletLoss, create_triplet_model
from training.frozen_features import FrozenFeatures, freeze_photos, frozen_fingerprint
from training.precision import with_dtype_policy
from triplets import FeatureStore, PreparedMedia, Triplets
from triplets.photos import scale_photos


def trunk_of(encoder: keras.Model) -> keras.Model:
    return encoder.get_layer("image_trunk")


@pytest.fixture(scope="module")
def trunk():
    return trunk_of(conv_encoder())


@pytest.fixture
def media(triplets):
    return replace(triplets.media, images=triplets.media.images[:4])


@pytest.fixture
def empty_store(tmp_path):
    return FeatureStore(tmp_path / "features")


def conv_encoder(seed: int = 0, *, trainable: str = "last_block") -> keras.Model:
    """A small encoder whose backbone is frozen whole or in part."""
    return new_encoder(seed, image_trainable=trainable)


def freeze(trunk: keras.Model, media: PreparedMedia, store: FeatureStore, **options: object):
    return freeze_photos(trunk, media, store=store, progress=False, **options)


def files_in(store: FeatureStore) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in store.directory.rglob("*.npy")}


def trunk_that_gives(constant: float) -> keras.Model:
    photo = keras.Input((224, 224, 3))
    pooled = layers.GlobalAveragePooling2D()(photo)
    return keras.Model(photo, pooled * 0.0 + constant)


def test_without_a_generator_a_photo_comes_as_it_is(trunk, media, empty_store):
    features = freeze(trunk, media, empty_store, num_views=3, stored_as="float32")
    for index, file in enumerate(media.images):
        expected = trunk(scale_photos(file.feature()[None]))[0]
        np.testing.assert_allclose(features.load(index, None), expected, atol=1e-6)
    assert features.shape == expected.shape
    assert features.load(0, None).dtype == features.dtype == np.float32


def test_with_a_generator_each_view_comes_in_its_turn(trunk, media, empty_store):
    features = freeze(trunk, media, empty_store, num_views=3)
    rng = np.random.default_rng(0)
    drawn = {features.load(1, rng).tobytes() for _ in range(40)}
    assert len(drawn) == 3
    assert features.load(1, None).tobytes() in drawn


def test_a_view_does_not_depend_on_number_or_place(trunk, media, empty_store):
    few = freeze(trunk, media, empty_store, num_views=2, stored_as="float32")
    turned = replace(media, images=media.images[::-1])
    many = freeze(trunk, turned, empty_store, num_views=4, stored_as="float32")
    for path, other in zip(few.paths, many.paths[::-1], strict=True):
        np.testing.assert_allclose(np.load(path), np.load(other)[:2], atol=1e-6)


def test_the_second_run_only_opens_the_files(trunk, media, empty_store):
    first = freeze(trunk, media, empty_store, num_views=2)
    before = files_in(empty_store)
    again = trunk_of(conv_encoder())  # another model of the same weights
    assert freeze(again, media, empty_store, num_views=2).paths == first.paths
    assert files_in(empty_store) == before


def test_other_weights_views_and_types_never_share_features(trunk, media, empty_store):
    one = replace(media, images=media.images[:1])
    kinds = [
        freeze(trunk, one, empty_store, num_views=2),
        freeze(trunk, one, empty_store, num_views=3),
        freeze(trunk, one, empty_store, num_views=2, flip=False),
        freeze(trunk, one, empty_store, num_views=2, stored_as="float32"),
        freeze(trunk_of(conv_encoder(seed=1)), one, empty_store, num_views=2),
    ]
    assert len({kind.paths for kind in kinds}) == len(kinds)


def test_a_trunk_of_another_precision_has_another_fingerprint():
    prints = set()
    for precision in ("float32", "mixed_float16"):
        with with_dtype_policy(precision):
            prints.add(frozen_fingerprint(trunk_of(conv_encoder())))
    assert len(prints) == 2


def test_trunks_of_the_same_weights_that_compute_something_else_have_other_fingerprints():
    trunks = []
    for stride in (4, 8):
        keras.utils.set_random_seed(0)
        photo = keras.Input((224, 224, 3))
        trunks.append(keras.Model(photo, layers.Conv2D(2, 3, stride)(photo)))
    assert len({frozen_fingerprint(trunk) for trunk in trunks}) == 2


def test_float16_rounds_each_feature_by_at_most_one_in_two_thousand(trunk, media, empty_store):
    exact = freeze(trunk, media, empty_store, stored_as="float32")
    rounded = freeze(trunk, media, empty_store, stored_as="float16")
    for one, other in zip(exact.paths, rounded.paths, strict=True):
        assert np.load(other).dtype == np.float16
        np.testing.assert_allclose(np.load(other), np.load(one), rtol=2**-11, atol=3e-8)


@pytest.mark.parametrize(("constant", "dtype"), [(7.0, "f2"), (7e4, "f4"), (1e-9, "f4")])
def test_what_float16_cannot_hold_is_stored_as_float32(constant, dtype, media, empty_store):
    features = freeze(trunk_that_gives(constant), media, empty_store)
    assert np.load(features.paths[0]).dtype == np.dtype(dtype)
    np.testing.assert_allclose(features.load(0, None), constant, rtol=2**-11)


def test_an_absent_photo_stays_absent_and_a_present_one_present(media, empty_store, tmp_path):
    np.save(tmp_path / "black.npy", np.zeros((224, 224, 3), np.uint8))
    black = replace(media.images[0], content="0" * 64, feature_path=tmp_path / "black.npy")
    both = replace(media, images=(black, media.images[1]))
    bright = freeze(trunk_that_gives(3.0), both, empty_store)
    assert not bright.load(0, None).any()
    assert bright.load(1, None).all()
    dark = freeze(trunk_that_gives(0.0), both, empty_store)
    assert not dark.load(0, None).any()
    assert dark.load(1, None).any()


def test_features_that_are_not_numbers_are_refused(media, empty_store):
    with pytest.raises(ValueError, match=r"gives NaN or infinity for '.*'\. Expected finite"):
        freeze(trunk_that_gives(np.nan), media, empty_store)
    assert not files_in(empty_store)


def test_memory_does_not_grow_with_the_number_of_photos(tmp_path):
    shape, paths = (28, 28, 64), []
    for number in range(40):
        paths.append(tmp_path / f"{number}.npy")
        np.save(paths[-1], np.full((4, *shape), number, np.float16))
    features = FrozenFeatures(paths, shape)
    tracemalloc.start()
    for index in range(len(features)):
        assert features.load(index, np.random.default_rng(index)).max() == index
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * np.prod(shape) * 4  # four views as float32; all would be 160


def train(encoder: keras.Model, triplets: Triplets, features: FrozenFeatures | None):
    """Losses [num_steps] and gradients of each step, end to end or behind the cut."""
    model = create_triplet_model(encoder if features is None else behind_trunk(encoder))
    loss_of, optimizer = TripletLoss(2.0), keras.optimizers.SGD(0.01)
    weights = encoder.trainable_weights
    optimizer.build(weights)

    @tf.function
    def step(inputs, labels):
        with tf.GradientTape() as tape:
            loss = loss_of(labels, model(inputs, training=True))
        gradients = tape.gradient(loss, weights)
        optimizer.apply(gradients, weights)
        return loss, gradients

    batches = list(triplets.to_dataset(4, photos=features, seed=0).take(3))
    steps = [step(*batch) for batch in batches]
    return np.array([loss for loss, _ in steps]), [np.array(g) for _, gs in steps for g in gs]


@pytest.fixture(scope="module")
def end_to_end(triplets):
    """Of an encoder of which this part is trained: itself, its losses and its gradients."""

    @cache
    def trained(trainable: str):
        encoder = conv_encoder(trainable=trainable)
        return encoder, *train(encoder, triplets, None)

    return trained


@pytest.mark.parametrize("trainable", ["last_block", "none"])
def test_training_behind_the_cut_is_training_end_to_end(
    trainable, end_to_end, triplets, empty_store
):
    whole, losses, gradients = end_to_end(trainable)
    behind = conv_encoder(trainable=trainable)
    trunk = trunk_of(behind)
    features = freeze(trunk, triplets.media, empty_store, num_views=1, stored_as="float32")
    losses_behind, gradients_behind = train(behind, triplets, features)
    np.testing.assert_allclose(losses_behind, losses, rtol=2e-6)
    floor = 1e-3 * max(map(np.linalg.norm, gradients))  # a bias before BatchNorm has only noise
    for one, other in zip(gradients_behind, gradients, strict=True):
        assert np.linalg.norm(one - other) <= 1e-5 * max(np.linalg.norm(other), floor)
    for one, other in zip(behind.variables, whole.variables, strict=True):  # not only trained ones
        np.testing.assert_allclose(one, other, atol=2e-6, err_msg=other.path)


def test_training_behind_the_trunk_trains_the_encoder(trunk, triplets, empty_store, tmp_path):
    encoder = conv_encoder()
    features = freeze(trunk_of(encoder), triplets.media, empty_store)
    model = create_triplet_model(behind_trunk(encoder))
    model.compile("sgd", TripletLoss(5.0))
    pairs = {
        "image_input": np.random.default_rng(0).random((2, 224, 224, 3), np.float32),
        "audio_input": np.random.default_rng(1).random((2, 6, 1024), np.float32),
    }
    before = encoder(pairs)
    model.train_on_batch(*next(iter(triplets.to_dataset(2, photos=features))))
    after = encoder(pairs)
    assert np.abs(after - before).max() > 1e-4
    for whole in (encoder, model):
        whole.save(tmp_path / f"{whole.name}.keras")
    again = load_encoder(tmp_path / "fused_encoder.keras")
    np.testing.assert_array_equal(again(pairs), after)
    assert frozen_fingerprint(trunk_of(again)) == frozen_fingerprint(trunk_of(encoder))
    assert len(again.trainable_weights) == len(encoder.trainable_weights)
