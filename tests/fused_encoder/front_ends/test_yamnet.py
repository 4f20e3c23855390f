import subprocess
import sys
import urllib.error
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pooch
import pytest
import tensorflow as tf

from fused_encoder import LogMelFeatures
from fused_encoder.front_ends.yamnet import Yamnet, as_front_end, load_yamnet
from fused_encoder.front_ends.yamnet_network import WaveformYamnet, create_yamnet
from fused_encoder.weights import MissingWeightsError


def fingerprint(yamnet: Yamnet) -> str:
    return as_front_end(yamnet).fingerprint


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An empty home and cache, and none of the variables that say where weights are."""
    for variable in ("FUSED_ENCODER_WEIGHTS", "TFHUB_CACHE_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FUSED_ENCODER_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A SavedModel directory with YAMNet's interface."""
    path = tmp_path_factory.mktemp("saved") / "yamnet"
    tf.saved_model.save(LogMelFeatures(), path)
    return path


def fake_hub(monkeypatch: pytest.MonkeyPatch, load: object) -> None:
    module = ModuleType("tensorflow_hub")
    module.load = load  # type: ignore[attr-defined]  # a stand-in for the real module
    monkeypatch.setitem(sys.modules, "tensorflow_hub", module)


@pytest.fixture
def offline(monkeypatch):
    def fail(*args: object, **kwargs: object) -> None:
        raise urllib.error.URLError("Name or service not known")

    fake_hub(monkeypatch, fail)
    monkeypatch.setattr(pooch, "retrieve", fail)


def test_a_local_directory_is_loaded_without_tensorflow_hub(saved, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_hub", None)  # importing it would fail
    waveform = tf.sin(tf.range(16_000, dtype=tf.float32))
    scores, embeddings, log_mel = load_yamnet(str(saved))(waveform)
    assert (scores.shape, embeddings.shape, log_mel.shape) == ((2, 521), (2, 1024), (144, 64))


def test_without_a_source_the_local_one_is_found(saved, offline, monkeypatch):
    monkeypatch.setenv("FUSED_ENCODER_WEIGHTS", str(saved.parent))
    assert fingerprint(load_yamnet()) == fingerprint(load_yamnet(saved))


def test_a_handle_is_loaded_by_tensorflow_hub(monkeypatch):
    asked: list[str] = []

    def load(handle: str) -> LogMelFeatures:
        asked.append(handle)
        return LogMelFeatures()

    fake_hub(monkeypatch, load)
    assert isinstance(load_yamnet("https://example.org/yamnet"), LogMelFeatures)
    assert asked == ["https://example.org/yamnet"]


def test_without_network_the_error_says_what_to_do(home, offline):
    with pytest.raises(MissingWeightsError) as caught:
        load_yamnet()
    message = str(caught.value)
    assert "cannot be downloaded: <urlopen error Name or service not known>" in message
    assert "https://storage.googleapis.com/audioset/yamnet.h5" in message
    assert str(home / "cache" / "weights" / "yamnet") in message


def test_a_handle_that_cannot_be_loaded_is_said_to_be_so(offline, monkeypatch):
    with pytest.raises(MissingWeightsError, match=r"'https://example\.org/x': .*Check the address"):
        load_yamnet("https://example.org/x")
    monkeypatch.setitem(sys.modules, "tensorflow_hub", None)
    with pytest.raises(MissingWeightsError, match=r'"setuptools<81".*local folder needs no'):
        load_yamnet("https://example.org/x")


def test_a_fine_tuned_keras_file_is_loaded(home):
    network = create_yamnet()
    network.save(home / "mine.keras")
    loaded = load_yamnet(home / "mine.keras")
    assert isinstance(loaded, WaveformYamnet)
    assert fingerprint(loaded) == fingerprint(WaveformYamnet(network))


def test_what_is_missing_or_damaged_is_refused(home):
    with pytest.raises(MissingWeightsError, match="no weights of 'yamnet' at 'nowhere/yamnet'"):
        load_yamnet("nowhere/yamnet")
    (home / "broken.keras").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"broken\.keras"):
        load_yamnet(home / "broken.keras")
    (home / "saved_model.pb").write_bytes(b"\x00\x01 damaged")
    with pytest.raises(ValueError, match="is not a readable SavedModel directory"):
        load_yamnet(home)


class Spy(LogMelFeatures):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def __call__(self, waveform: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        secret = tf.strings.length(tf.io.read_file("/etc/hostname"))
        return super().__call__(waveform + 0.0 * tf.cast(secret, tf.float32))


def test_a_folder_that_could_touch_files_is_refused(home):
    tf.saved_model.save(Spy(), home / "spy")
    with pytest.raises(ValueError, match=r"spy' is not loaded: it holds .*\(ReadFile"):
        load_yamnet(home / "spy")


class OtherModel(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def __call__(self, waveform: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.zeros([1, 10]), tf.zeros([1, 1024])


class ImageModel(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 224, 224, 3], tf.float32)])
    def __call__(self, image: tf.Tensor) -> tf.Tensor:
        return image


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (OtherModel(), r"is not YAMNet: .* received 2 outputs"),
        (ImageModel(), "is not YAMNet: "),
        (tf.Module(), "is not a SavedModel of functions"),
    ],
)
def test_a_saved_model_that_is_not_yamnet_is_refused(home, model, message):
    tf.saved_model.save(model, home / "other")
    with pytest.raises(ValueError, match=message):
        load_yamnet(home / "other")


def test_the_fingerprint_is_the_same_in_another_process():
    program = (
        "from fused_encoder import LogMelFeatures, as_front_end\n"
        "print(as_front_end(LogMelFeatures()).fingerprint)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == fingerprint(LogMelFeatures())


def test_float_noise_does_not_change_the_fingerprint_and_another_model_does():
    def changed(change: Callable[[np.ndarray], np.ndarray]) -> Yamnet:
        def yamnet(waveform: np.ndarray) -> list[np.ndarray]:
            scores, embeddings, log_mel = LogMelFeatures()(waveform)
            return [scores, change(embeddings.numpy()), log_mel]

        return yamnet

    own = fingerprint(LogMelFeatures())
    noise = np.random.default_rng(0).normal(0, 1e-6, (4, 1024))
    assert fingerprint(changed(lambda embeddings: embeddings + noise)) == own
    for factor in (0.0, 1.01, -1.0):
        assert fingerprint(changed(lambda embeddings, f=factor: f * embeddings)) != own
    assert fingerprint(changed(lambda embeddings: np.roll(embeddings, 1, axis=1))) != own


def test_the_least_change_of_a_weight_changes_the_fingerprint():
    yamnet = WaveformYamnet(create_yamnet())
    before = fingerprint(yamnet)
    kernel = yamnet.network.get_layer("layer9_pointwise_conv").kernel
    values = np.array(kernel)
    values[0, 0, 0, 0] = np.nextafter(values[0, 0, 0, 0], 1)
    kernel.assign(values)
    assert fingerprint(yamnet) != before


@pytest.mark.weights
def test_the_genuine_yamnet_loads_from_both_forms(weights_dir):
    waveform = np.random.default_rng(0).normal(0, 0.1, 40_000).astype(np.float32)
    from_directory, from_file = (load_yamnet(weights_dir / n) for n in ("yamnet", "yamnet.h5"))
    for expected, received in zip(from_directory(waveform), from_file(waveform), strict=True):
        np.testing.assert_allclose(expected, received, atol=1e-4)
