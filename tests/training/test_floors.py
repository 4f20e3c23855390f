import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tests.training.conftest import new_encoder
from training.floors import (
    frozen_image_features,
    log_probabilities,
    raw_audio_sequence,
    raw_pixels,
)


def photos(number: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (224, 224, 3), np.uint8) for _ in range(number)]


def test_floors_are_unit_vectors_even_where_there_is_nothing_to_tell():
    grey = np.full((224, 224, 3), 7, np.uint8)
    pixels = raw_pixels([*photos(2), grey, grey + 1])
    np.testing.assert_allclose(np.linalg.norm(pixels, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(pixels[2], pixels[3])
    heard = raw_audio_sequence([np.eye(3, 1024, dtype=np.float32), np.zeros((2, 1024), np.float32)])
    np.testing.assert_allclose(np.linalg.norm(heard, axis=1), 1, atol=1e-5)


def test_frozen_features_are_what_enters_the_first_layer_of_ours():
    model = new_encoder(image_trainable="none")
    describe = frozen_image_features(model)
    seen = model.get_layer("image_trunk")(np.stack(photos(20)).astype(np.float32) / 255)
    expected = np.asarray(seen) / np.linalg.norm(seen, axis=1, keepdims=True)
    np.testing.assert_allclose(describe(photos(20)), expected, atol=1e-5)
    np.testing.assert_array_equal(describe(photos(20)[::-1]), describe(photos(20))[::-1])


def test_fewer_photos_than_numbers_give_the_same_regression():
    rng = np.random.default_rng(0)
    labels = np.repeat(["robin", "tit", "wren"], 10)
    known = rng.normal(0, 0.2, (30, 200)) + 2 * np.repeat(np.eye(3, 200), 10, axis=0)
    asking = rng.normal(0, 0.2, (12, 200)) + 2 * np.repeat(np.eye(3, 200), 4, axis=0)
    expected = LogisticRegression(tol=1e-8, max_iter=2000).fit(known, labels)
    classes, found = log_probabilities(known, labels, asking, labels)  # one source a class: C is 1
    np.testing.assert_array_equal(classes, expected.classes_)
    np.testing.assert_allclose(found, expected.predict_log_proba(asking), atol=0.01)


def test_an_encoder_that_adds_up_has_a_floor_too():
    frozen = new_encoder(image_trainable="none", fusion="additive", photo_views="zooms")
    describe = frozen_image_features(frozen)
    np.testing.assert_allclose(np.linalg.norm(describe(photos(2)), axis=1), 1, atol=1e-5)
    trained = new_encoder(image_trainable="all", fusion="additive")
    assert frozen_image_features(trained) is None


@pytest.mark.parametrize("trainable", ["all", "last_block", "none"])
def test_only_a_frozen_backbone_is_a_floor_also_after_loading(trainable, tmp_path):
    encoder = new_encoder(image_trainable=trainable)
    encoder.save(tmp_path / "encoder.keras")
    for one in (encoder, keras.saving.load_model(tmp_path / "encoder.keras")):
        assert (frozen_image_features(one) is None) == (trainable != "none")
