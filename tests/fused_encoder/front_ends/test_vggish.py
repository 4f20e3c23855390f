import numpy as np
import pytest
import tensorflow as tf

from fused_encoder.front_ends.vggish import (
    create_vggish,
    load_vggish,
    vggish_front_end,
    vggish_patches,
)
from fused_encoder.weights import MissingWeightsError

RATE = 16_000


@pytest.fixture(scope="module")
def front_end():
    return vggish_front_end(create_vggish(hidden_size=8))


def test_time_runs_down_a_patch_and_pitch_across():
    half = np.arange(7800) / RATE
    sound = np.concatenate([np.zeros(7800), np.sin(2 * np.pi * 1000 * half)]).astype("float32")
    (patch,) = vggish_patches(tf.constant(sound[None])).numpy()
    assert patch.shape == (96, 64)
    assert np.ptp(patch[:40]) < 1e-3  # silence first, in all bands
    assert (patch[60:].argmax(axis=1) == patch[60].argmax()).all()  # then one band in every row


def test_five_seconds_are_six_windows_and_not_one(front_end):
    sound = np.random.default_rng(0).normal(0, 0.1, 5 * RATE).astype("float32")
    assert front_end(sound).shape == (6, 128)
    np.testing.assert_allclose(front_end(sound)[0], front_end(sound[:15_600])[0], atol=1e-4)


def test_the_published_checkpoint_is_read_by_its_names(tmp_path, monkeypatch):
    network = create_vggish(hidden_size=8)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for layer in (layer for layer in network.layers if layer.weights):
            block, _, part = layer.name.partition("_")
            scope = f"vggish/{block}/{layer.name}" if part else f"vggish/{block}"
            for weight, kind in zip(layer.weights, ("weights", "biases"), strict=True):
                value = np.random.default_rng(1).normal(size=weight.shape).astype("float32")
                tf.compat.v1.get_variable(f"{scope}/{kind}", initializer=value)
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(tmp_path / "vggish_model.ckpt"))
    monkeypatch.setenv("FUSED_ENCODER_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(
        "fused_encoder.front_ends.vggish.create_vggish", lambda: network, raising=True
    )
    assert load_vggish().name == "vggish"
    expected = np.random.default_rng(1).normal(size=(3, 3, 1, 64)).astype("float32")
    np.testing.assert_array_equal(network.get_layer("conv1").get_weights()[0], expected)


def test_without_the_weights_it_is_said_where_they_are(tmp_path):
    with pytest.raises(MissingWeightsError, match="Download https:"):
        load_vggish(tmp_path / "none.ckpt")
