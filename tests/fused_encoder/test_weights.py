import functools
import urllib.error
from dataclasses import replace
from pathlib import Path

import h5py
import keras
import numpy as np
import pooch
import pytest

from fused_encoder.weights import (
    IMAGE_BACKBONE_FILES,
    MissingWeightsError,
    cache_directory,
    download_weights,
    find_weights,
    load_image_backbone_weights,
    weights_places,
)

NAMES = {"vgg16": "VGG16", "efficientnet_b0": "EfficientNetB0", "mobilenet_v2": "MobileNetV2"}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An empty home and cache, and none of the variables that say where weights are."""
    for variable in ("FUSED_ENCODER_WEIGHTS", "KERAS_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FUSED_ENCODER_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def offline(monkeypatch):
    def fail(*args: object, **kwargs: object) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(pooch, "retrieve", fail)


@functools.cache
def backbone(name: str) -> keras.Model:
    """A network with random weights, to be read only: building one takes a second."""
    return create_backbone(name)


def create_backbone(name: str) -> keras.Model:
    constructor = getattr(keras.applications, NAMES[name])
    return constructor(weights=None, include_top=False, input_shape=(96, 96, 3))


def write_weights(network: keras.Model, path: Path, *, root: str = "/") -> Path:
    """Write the weights of a network in the layout of the published files (Keras 2)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        group = file.require_group(root)
        group.attrs["layer_names"] = [layer.name.encode() for layer in network.layers]
        for layer in network.layers:
            layer_group = group.require_group(layer.name)
            keys = [f"{layer.name}/{weight.name}:0" for weight in layer.weights]
            layer_group.attrs["weight_names"] = [key.encode() for key in keys]
            for key, weight in zip(keys, layer.weights, strict=True):
                layer_group[key] = np.asarray(weight)
    return path


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_image_weights_are_found_in_the_documented_order(home, monkeypatch, caplog):
    assert find_weights("vgg16") is None
    in_keras = touch(home / ".keras/models/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5")
    assert find_weights("vgg16") == in_keras
    in_cache = touch(home / "cache/weights/vgg16_imagenet_notop.h5")
    assert find_weights("vgg16") == in_cache
    monkeypatch.setenv("FUSED_ENCODER_WEIGHTS", str(home / "mine"))
    assert find_weights("vgg16") == in_cache
    assert "mine, which is not a directory" in caplog.text
    in_variable = touch(home / "mine/vgg16_imagenet_notop.h5")
    assert find_weights("vgg16") == in_variable
    explicit = touch(home / "explicit.h5")
    assert find_weights("vgg16", explicit) == explicit
    with pytest.raises(MissingWeightsError, match=r"no weights of 'vgg16' at 'gone\.h5'"):
        find_weights("vgg16", "gone.h5")
    with pytest.raises(ValueError, match=r"known for 'vgg19'. .* vgg16, resnet50"):
        find_weights("vgg19")


def test_yamnet_is_found_in_the_documented_order(home, monkeypatch):
    assert find_weights("yamnet") is None
    in_cache = touch(home / "cache/weights/yamnet.h5")
    assert find_weights("yamnet") == in_cache
    monkeypatch.setenv("FUSED_ENCODER_WEIGHTS", str(home / "mine"))
    file = touch(home / "mine/yamnet.h5")
    assert find_weights("yamnet") == file
    (home / "mine/yamnet").mkdir()  # holds no SavedModel yet
    assert find_weights("yamnet") == file
    touch(home / "mine/yamnet/saved_model.pb")
    assert find_weights("yamnet") == home / "mine/yamnet"


def test_caches_can_be_elsewhere(home, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(home / "keras"))
    assert weights_places("resnet50")[-1].parent == home / "keras" / "models"
    assert cache_directory() == home / "cache"
    monkeypatch.delenv("FUSED_ENCODER_CACHE")
    assert cache_directory() == home / ".cache" / "fused-encoder"


@pytest.mark.parametrize("name", ["vgg16", "yamnet"])
def test_without_network_the_error_says_what_to_fetch_and_where_to_put_it(name, home, offline):
    with pytest.raises(MissingWeightsError) as caught:
        download_weights(name)
    message = str(caught.value)
    assert "cannot be downloaded: <urlopen error Name or service not known>" in message
    assert "Download https://storage.googleapis.com/" in message
    assert f"save it as {home / 'cache' / 'weights' / name}" in message
    assert "FUSED_ENCODER_WEIGHTS" in message
    assert all(str(place) in message for place in weights_places(name))


def test_a_download_lands_in_the_cache(home, monkeypatch):
    published = write_weights(backbone("mobilenet_v2"), home / "server" / "file.h5")
    known = replace(IMAGE_BACKBONE_FILES["mobilenet_v2"], num_bytes=published.stat().st_size)
    monkeypatch.setitem(IMAGE_BACKBONE_FILES, "mobilenet_v2", known)

    def serve(url: str, output_file: str, _: object) -> None:
        Path(output_file).write_bytes(published.read_bytes())

    monkeypatch.setattr(pooch, "HTTPDownloader", lambda **options: serve)
    file = download_weights("mobilenet_v2")
    assert file == home / "cache/weights/mobilenet_v2_imagenet_notop.h5"
    assert find_weights("mobilenet_v2") == file


@pytest.mark.parametrize("name", ["vgg16", "mobilenet_v2", "yamnet"])
def test_a_download_of_something_else_is_refused_and_not_kept(name, monkeypatch):
    def serve(url: str, output_file: str, _: object) -> None:
        Path(output_file).write_text("<html>Please log in to this network</html>")

    monkeypatch.setattr(pooch, "HTTPDownloader", lambda **options: serve)
    with pytest.raises(MissingWeightsError, match=r"hash of downloaded file|Expected 9,406,464"):
        download_weights(name)
    assert find_weights(name) is None


@pytest.mark.parametrize(("name", "root"), [("vgg16", "/"), ("mobilenet_v2", "/model_weights")])
def test_a_file_of_the_published_layout_is_loaded(home, name, root):
    original = backbone(name)
    write_weights(original, home / f"cache/weights/{name}_imagenet_notop.h5", root=root)
    loaded = create_backbone(name)
    load_image_backbone_weights(loaded, name)
    for expected, received in zip(original.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(expected, received)


def test_efficientnet_scales_pixels_by_their_standard_deviation(home):
    network = create_backbone("efficientnet_b0")
    normalization = network.layers[2]
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    normalization.adapt_mean.assign(mean)
    normalization.adapt_variance.assign(deviation)  # as in the published file
    pixels = np.random.default_rng(0).uniform(size=(1, 4, 4, 3)).astype(np.float32)
    # The second time from a file that was written after the correction.
    for file in (home / "published.h5", home / "corrected.h5"):
        write_weights(network, file)
        load_image_backbone_weights(network, "efficientnet_b0", file)
        np.testing.assert_allclose(normalization(pixels), (pixels - mean) / deviation, atol=1e-4)


def test_a_file_of_another_network_or_a_damaged_one_is_refused(home):
    file = write_weights(backbone("mobilenet_v2"), home / "weights.h5")
    with pytest.raises(ValueError, match=r"does not hold the weights of 'vgg16' .*layer"):
        load_image_backbone_weights(create_backbone("vgg16"), "vgg16", file)
    network, whole = create_backbone("mobilenet_v2"), file.read_bytes()
    for content in (b"", b"not HDF5", whole[:50_000]):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"weights\.h5 does not hold .* or is damaged"):
            load_image_backbone_weights(network, "mobilenet_v2", file)
