"""A TensorFlow Lite file gives in TensorFlow operations what the function gives that it was made of."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.small_birdnet import write_tflite

pytest.importorskip("tflite")

from fused_encoder.front_ends.tflite_graph import TfliteGraph

RNG = np.random.default_rng(0)
NUM_SAMPLES = 2000


def weights(*shape: int) -> np.ndarray:
    return RNG.normal(0, 0.5, shape).astype(np.float32)


MEL, FIRST, DEPTH, POINT = (
    weights(*s) for s in ((33, 12), (3, 4, 1, 6), (3, 3, 12, 1), (1, 1, 12, 8))
)
SQUEEZE, DENSE = weights(8, 8), weights(8, 3)


def like_birdnet(windows: tf.Tensor) -> tf.Tensor:
    """Each kind of operation that BirdNET has: a spectrogram, convolutions, pools, a gate, a dense layer."""
    least = tf.reduce_min(windows, axis=1, keepdims=True)
    scaled = (windows - least) / (tf.reduce_max(windows - least, axis=1, keepdims=True) + 1e-6)
    spectrum = tf.signal.stft((scaled - 0.5) * 2, 64, 30, 64)
    mel = tf.tensordot(tf.cast(spectrum, tf.float32), MEL, 1)  # its real part
    mel = tf.transpose(tf.reverse(tf.pow(mel * mel, 0.37), axis=[2]), [0, 2, 1])
    mel = tf.expand_dims(mel, 3)
    x = tf.nn.relu(tf.nn.conv2d(mel, FIRST, 2, "SAME") + 0.1)
    pools = (pool(x, (1, 2), (1, 2), "VALID") for pool in (tf.nn.max_pool2d, tf.nn.avg_pool2d))
    x = tf.concat(list(pools), 3)
    x = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
    x = tf.nn.depthwise_conv2d(x, DEPTH, (1, 2, 2, 1), "VALID")
    x = tf.nn.silu(tf.nn.conv2d(x, POINT, 1, "SAME") - 0.2)
    gate = tf.sigmoid(tf.reduce_mean(x, axis=(1, 2)) @ SQUEEZE)
    x = x * tf.reshape(gate, [tf.shape(gate)[0], 1, 1, 8])
    return tf.reduce_mean(x, axis=(1, 2)) @ DENSE + 1.0


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tflite(like_birdnet, NUM_SAMPLES, tmp_path_factory.mktemp("lite") / "a.tflite")


def test_it_gives_what_the_function_gives_of_any_number_of_windows(file: Path) -> None:
    graph = TfliteGraph(file)
    assert (graph.input_shape, graph.output_shape) == ((NUM_SAMPLES,), (3,))
    for num_windows in (1, 5):
        windows = RNG.normal(0, 0.1, (num_windows, NUM_SAMPLES)).astype(np.float32)
        windows[0, 1000:] = 0  # the padding of a last window
        np.testing.assert_allclose(graph(windows), like_birdnet(windows), rtol=1e-4, atol=1e-5)


def test_trunk_and_head_together_are_the_whole(file: Path) -> None:
    whole, trunk, head = (TfliteGraph(file, part=part) for part in ("whole", "trunk", "head"))
    windows = RNG.normal(0, 0.1, (3, NUM_SAMPLES)).astype(np.float32)
    embeddings = trunk(windows)
    assert embeddings.shape == (3, 8)
    np.testing.assert_allclose(head(embeddings), whole(windows), atol=1e-6)
    assert len(whole.weights) == len(trunk.weights) + len(head.weights)


def test_it_is_saved_with_its_weights(file: Path, tmp_path: Path) -> None:
    graph = TfliteGraph(file)
    module = tf.Module()
    module.graph, module.run = (
        graph,
        tf.function(graph, input_signature=[tf.TensorSpec((None, NUM_SAMPLES))]),
    )
    tf.saved_model.save(module, tmp_path)
    windows = RNG.normal(0, 0.1, (2, NUM_SAMPLES)).astype(np.float32)
    loaded = tf.saved_model.load(tmp_path)
    np.testing.assert_array_equal(loaded.run(windows), graph(windows))


def test_what_it_cannot_translate_is_refused(file: Path, tmp_path: Path) -> None:
    waves = write_tflite(lambda x: tf.sin(tf.cos(x)), 8, tmp_path / "waves.tflite")
    with pytest.raises(
        ValueError, match=r"waves\.tflite' has operations .* translated: COS, SIN\."
    ):
        TfliteGraph(waves)
    quantised = write_tflite(
        lambda x: x @ weights(512, 64), 512, tmp_path / "int8.tflite",
        optimizations=[tf.lite.Optimize.DEFAULT],
    )  # fmt: skip
    with pytest.raises(ValueError, match="not a TensorFlow Lite file of floats"):
        TfliteGraph(quantised)
    for content in (b"", b"RIFF and more that is no network", file.read_bytes()[:500]):
        (tmp_path / "broken.tflite").write_bytes(content)
        with pytest.raises(ValueError, match=r"broken\.tflite' is not a TensorFlow Lite file"):
            TfliteGraph(tmp_path / "broken.tflite")
