"""Additive fusion: directions, attention over frames, and the sum of what is present."""

import keras
import numpy as np
import pytest

from fused_encoder import create_fused_encoder, load_encoder
from fused_encoder.audio_branch import FrameAttention
from fused_encoder.encoder import split_encoder
from fused_encoder.fusion import AddPresent, centred_direction


def additive(seed=0, **options):
    keras.utils.set_random_seed(seed)
    return create_fused_encoder(
        image_backbone="small_cnn", image_weights=None, fusion="additive", seed=seed, **options
    )


@pytest.fixture(scope="module")
def encoder():
    return additive()


def batch(num=3, frames=4, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "image_input": rng.random((num, 224, 224, 3), np.float32),
        "audio_input": rng.random((num, frames, 1024), np.float32),
    }


def test_what_is_absent_adds_nothing():
    seen, heard = np.ones((3, 2), np.float32), np.full((3, 2), 5.0, np.float32)
    total = AddPresent()([seen, heard, np.array([1, 1, 0], bool), np.array([1, 0, 1], bool)])
    assert np.array(total).tolist() == [[6, 6], [1, 1], [5, 5]]


def test_attention_is_the_plain_mean_until_it_has_learned():
    frames = np.random.default_rng(0).random((2, 5, 8), np.float32)
    assert np.allclose(FrameAttention()(frames), frames.mean(1), atol=1e-6)


def test_attention_is_a_softmax_over_the_frames_that_are_there():
    frames = np.random.default_rng(0).random((1, 5, 8), np.float32)
    frames[0, 3:] = 0
    layer = FrameAttention()
    layer.build(frames.shape)
    layer.query.assign(np.arange(8))
    weights = np.exp(frames[0, :3] @ np.arange(8))
    expected = (weights / weights.sum()) @ frames[0, :3]
    assert np.allclose(layer(frames)[0], expected, atol=1e-5)
    assert not np.array(layer(np.zeros((1, 3, 8), np.float32))).any()


def test_a_direction_does_not_depend_on_loudness_and_zeros_stay_zeros():
    features = np.random.default_rng(0).random((2, 16)).astype(np.float32)
    features[1] = 0
    image = keras.Input((16,))
    model = keras.Model(image, centred_direction(image, name="direction"))
    direction = model(features)
    assert np.allclose(direction[0], model(7 * features)[0], atol=1e-3)
    assert np.linalg.norm(direction[0]) == pytest.approx(1, abs=1e-3)
    assert not np.array(direction[1]).any()


def test_it_is_saved_split_and_loaded_with_views(tmp_path):
    encoder = additive(photo_views="zooms", image_trainable="none")
    inputs = batch(num=2)
    encoder.save(tmp_path / "encoder.keras")
    assert np.allclose(load_encoder(tmp_path / "encoder.keras")(inputs), encoder(inputs), atol=1e-6)
    see, join = split_encoder(encoder)
    features, has_image = see(inputs["image_input"])
    joined = join([features, has_image, keras.ops.convert_to_tensor(inputs["audio_input"])])
    assert np.allclose(joined, encoder(inputs), atol=1e-5)


def test_behind_a_frozen_backbone_the_projection_starts_large():
    starts = [
        additive(image_trainable=trainable)
        .get_layer("image_head")
        .get_layer("image_features")
        .kernel
        for trainable in ("none", "all")
    ]
    norms = [np.linalg.norm(np.array(kernel), axis=0) for kernel in starts]
    assert norms[0] == pytest.approx(10.0, rel=1e-3)
    assert norms[1] == pytest.approx(1.0, rel=1e-3)
