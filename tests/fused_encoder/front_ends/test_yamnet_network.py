from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from fused_encoder.front_ends.yamnet_network import WaveformYamnet, create_yamnet


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return create_yamnet()


@pytest.fixture
def waveform():
    return np.random.default_rng(0).normal(0, 0.1, 20_000).astype(np.float32)


def official_names(network: keras.Model) -> dict[str, str]:
    """Our layer names -> those of the official release."""
    return {
        layer.name: layer.name.replace("_bn", "/bn").replace("_", "/", 1)
        if layer.name.startswith("layer")
        else "dense_7"  # Keras 2 numbered it
        for layer in network.layers
        if layer.weights
    }


def save_as_officially(network: keras.Model, path: Path, *, root: str = "/") -> Path:
    """Write weights as Keras 2 did: a group per layer, in it the full weight names as paths."""
    names = official_names(network)
    with h5py.File(path, "w") as file:
        group = file.require_group(root)
        group.attrs["layer_names"] = [b"input_1", *(name.encode() for name in names.values())]
        group.create_group("input_1").attrs["weight_names"] = []
        for layer in network.layers:
            if not layer.weights:
                continue
            layer_group = group.require_group(names[layer.name])
            keys = [f"{names[layer.name]}/{weight.name}:0" for weight in layer.weights]
            layer_group.attrs["weight_names"] = [key.encode() for key in keys]
            for key, weight in zip(keys, layer.weights, strict=True):
                layer_group[key] = np.asarray(weight)
    return path


def disturb(network: keras.Model) -> keras.Model:
    """Give every weight a value of its own, so that no mix-up goes unseen."""
    rng = np.random.default_rng(3)
    for weight in network.weights:
        noise = rng.uniform(0.01, 0.02, weight.shape).astype(np.float32)
        weight.assign(np.asarray(weight) + noise)
    return network


def test_the_network_has_the_published_layers(network):
    assert network.name == "yamnet"
    assert network.count_params() == 3_751_369
    kinds = [type(layer).__name__ for layer in network.layers]
    assert kinds.count("DepthwiseConv2D") == 13
    assert kinds.count("Conv2D") == 14
    assert kinds.count("BatchNormalization") == 27
    assert [tuple(output.shape) for output in network.outputs] == [(None, 521), (None, 1024)]
    assert network.get_layer("layer14_pointwise_relu").output.shape == (None, 3, 2, 1024)
    norm = network.get_layer("layer1_conv_bn")
    assert (norm.epsilon, norm.scale, norm.center) == (1e-4, False, True)


@pytest.mark.parametrize("root", ["/", "/model_weights"])
def test_weights_of_the_official_layout_are_loaded(tmp_path, root):
    original = disturb(create_yamnet())
    loaded = create_yamnet(save_as_officially(original, tmp_path / "yamnet.h5", root=root))
    for expected, received in zip(original.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(expected, received)


def test_a_file_of_another_network_is_refused(tmp_path):
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="dense")])
    path = save_as_officially(other, tmp_path / "other.h5")
    with pytest.raises(ValueError, match=r"other\.h5 is not the yamnet\.h5 .* 55 layers"):
        create_yamnet(path)


def test_a_file_that_is_missing_damaged_or_of_something_else_is_refused(tmp_path, network):
    with pytest.raises(FileNotFoundError, match=r"no YAMNet weight file .*none\.h5"):
        create_yamnet(tmp_path / "none.h5")
    torn = save_as_officially(network, tmp_path / "yamnet.h5")
    torn.write_bytes(torn.read_bytes()[:100_000])
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["values"] = np.zeros(3)
    for path in (torn, tmp_path / "data.h5"):
        with pytest.raises(ValueError, match=r"is not the yamnet\.h5 .* or is damaged"):
            create_yamnet(path)


def test_a_gradient_step_changes_the_weights(waveform):
    yamnet = WaveformYamnet(disturb(create_yamnet()))
    before = [np.array(variable) for variable in yamnet.trainable_variables]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(yamnet(waveform)[1] ** 2)
    gradients = tape.gradient(loss, yamnet.trainable_variables)
    trained = [
        (g, v) for g, v in zip(gradients, yamnet.trainable_variables, strict=True) if g is not None
    ]
    keras.optimizers.Adam(1e-3).apply(*zip(*trained, strict=True))
    unchanged = [
        variable.path
        for old, variable in zip(before, yamnet.trainable_variables, strict=True)
        if np.array_equal(old, variable)
    ]
    assert unchanged == ["dense/kernel", "dense/bias"]  # the embeddings do not depend on them


def test_the_wrapper_refuses_another_network():
    other = keras.Sequential([keras.Input((96, 64)), keras.layers.Flatten()])
    with pytest.raises(ValueError, match=r"Expected a network with outputs .* create_yamnet"):
        WaveformYamnet(other)
