"""Networks: what they take and give, in every choice, and that they come back from a file."""

import keras
import numpy as np
import pytest

from fused_encoder.front_ends import YAMNET
from fused_encoder.front_ends.contract import FrontEndSpec
from soundscapes.classifier import FRAME_LOGITS
from soundscapes.heads import HEADS
from soundscapes.mel_networks import MEL_NETWORKS, is_pretrained, take_over
from soundscapes.network import create_sound_classifier
from soundscapes.pooling import POOLINGS

MEL = FrontEndSpec(
    name="mel", sample_rate_hz=32_000, window_seconds=0.064, hop_seconds=0.016, embedding_size=128
)


def _moments(network, frames):
    within = keras.Model(network.input, network.get_layer(FRAME_LOGITS).output)
    return np.asarray(within(frames))


@pytest.mark.parametrize("head", HEADS)
def test_a_head_says_of_each_frame_and_of_the_clip_whatever_was_padded(head):
    frames = np.random.default_rng(0).normal(1, 1, (2, 6, 1024)).astype(np.float32)
    network = create_sound_classifier(5, YAMNET, head, hidden_size=8)
    assert _moments(network, frames).shape == (2, 6, 5)
    padded = np.concatenate([frames, np.zeros((2, 3, 1024), np.float32)], axis=1)
    np.testing.assert_allclose(network(padded), network(frames), atol=1e-5)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_pooling_trains_in_plain_keras_and_comes_back_from_a_file(pooling, tmp_path):
    frames = np.random.default_rng(0).normal(0, 1, (8, 4, 1024)).astype(np.float32)
    labels = np.eye(2, dtype=np.float32)[[0, 1] * 4]
    frames += 0.3 * labels[:, None, :1]
    network = create_sound_classifier(2, YAMNET, pooling=pooling)
    network.compile(keras.optimizers.Adam(1e-2), keras.losses.BinaryCrossentropy(from_logits=True))
    losses = network.fit(frames, labels, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    network.save(tmp_path / "classifier.keras")
    again = keras.saving.load_model(tmp_path / "classifier.keras")
    np.testing.assert_allclose(again(frames), network(frames), atol=1e-6)


@pytest.mark.parametrize("name", MEL_NETWORKS)
def test_a_network_for_pictures_takes_the_published_rows_and_says_when(name):
    rows = np.random.default_rng(0).normal(-60, 15, (1, 313, 128)).astype(np.float32)
    network = create_sound_classifier(3, MEL, name, weights=None)
    num_times = {"inception_v3": 8, "small_cnn": 20}.get(name, 10)
    assert _moments(network, rows).shape[1:] == (num_times, 3)
    assert network(rows).shape == (1, 3)
    assert not is_pretrained(network)
    np.testing.assert_allclose(keras.ops.sigmoid(network(rows)), 1 / 3, atol=1e-6)  # knows nothing


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet50"])
def test_a_network_taken_over_to_spectrograms_says_the_same_and_is_normalised_by_them(name):
    rng = np.random.default_rng(0)
    rows = rng.normal(-60, 15, (8, 96, 128)).astype(np.float32)
    network = create_sound_classifier(3, MEL, name, weights=None)
    backbone = network.get_layer(name)
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):  # as learnt from other pictures
            layer.moving_mean.assign(rng.normal(0, 1, layer.gamma.shape))
            layer.moving_variance.assign(rng.uniform(0.5, 2, layer.gamma.shape))
            layer.gamma.assign(rng.uniform(0.5, 2, layer.gamma.shape))
            layer.trainable = False
    assert is_pretrained(network)
    features = keras.Model(network.input, network.get_layer("over_pitch").output)
    before = np.asarray(features(rows, training=False))

    take_over(network, [rows[:5], rows[5:]], freeze_at=0)

    assert not is_pretrained(network)
    scale = before.std()
    np.testing.assert_allclose(features(rows, training=False), before, atol=1e-3 * scale)
    trained = np.asarray(features(rows, training=True))  # by the statistics of this batch: the same
    np.testing.assert_allclose(trained, before, atol=1e-2 * scale)


def test_first_stages_stay_as_they_are():
    network = create_sound_classifier(3, MEL, "mobilenet_v2", weights=None)
    backbone = network.get_layer("mobilenet_v2")
    for layer in backbone.layers:
        layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
    before = {weight.path: weight.numpy() for weight in backbone.weights}
    rows = np.random.default_rng(0).normal(-60, 15, (4, 96, 128)).astype(np.float32)
    take_over(network, [rows], freeze_at=3)
    features = keras.Model(network.input, network.get_layer("over_pitch").output)
    features(rows, training=True)  # moves running statistics
    names = [layer.name for layer in backbone.layers if layer.weights]
    behind = names.index("block_6_depthwise")  # halves the picture for the fourth time
    assert {weight.path.split("/")[-2] for weight in backbone.trainable_weights} == set(
        names[behind:]
    )
    for weight in backbone.weights:
        if weight.path.split("/")[-2] in names[:behind]:
            np.testing.assert_array_equal(weight, before[weight.path])


@pytest.mark.weights
def test_a_pretrained_network_sees_something_while_it_trains(weights_dir):
    """The normalisation of these weights is folded into the kernels: in training, features would all be 0."""
    rows = np.random.default_rng(0).normal(-60, 15, (4, 96, 128)).astype(np.float32)
    weights = weights_dir / "mobilenet_v2_imagenet_notop.h5"
    network = create_sound_classifier(3, MEL, "mobilenet_v2", weights=weights)
    assert is_pretrained(network)
    features = keras.Model(network.input, network.get_layer("over_pitch").output)
    before = np.asarray(features(rows, training=False))
    take_over(network, [rows], freeze_at=0)
    seen = np.asarray(features(rows, training=True))
    assert np.mean(seen > 0) > 0.5
    assert np.corrcoef(seen.ravel(), before.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("num_lengths", [1, 2, 3])
def test_window_lengths_become_channels(num_lengths):
    from soundscapes.mel_networks import ToPicture

    rows = np.random.default_rng(0).random((2, 5, 4 * num_lengths)).astype(np.float32)
    picture = np.asarray(ToPicture(4)(rows))
    assert picture.shape == (2, 4, 32, 3)
    assert not picture[:, :, 5:].any()
    for channel, length in enumerate({1: (0, 0, 0), 2: (0, 1, 0), 3: (0, 1, 2)}[num_lengths]):
        expected = rows[:, :, 4 * length : 4 * length + 4].transpose(0, 2, 1)
        np.testing.assert_array_equal(picture[:, :, :5, channel], expected)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"the frames of this front end: linear, mlp.*'resnet50'"):
        create_sound_classifier(3, YAMNET, "resnet50")
    with pytest.raises(ValueError, match=r"for spectrograms: efficientnet_b0.*'linear'"):
        create_sound_classifier(3, MEL, "linear")
    with pytest.raises(ValueError, match="rows of 128 numbers"):
        create_sound_classifier(3, MEL, "small_cnn", num_bands=100)
    with pytest.raises(ValueError, match="num_classes of at least 2"):
        create_sound_classifier(1, YAMNET)
