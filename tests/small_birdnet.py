"""A small network in a TensorFlow Lite file with BirdNET's interface: stands in for it in tests."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

NUM_CLASSES = 5


def write_tflite(function, input_size: int, path: Path, **options: object) -> Path:
    """A function of float32 [batch, input_size] as a TensorFlow Lite file."""
    traced = tf.function(function).get_concrete_function(tf.TensorSpec([None, input_size]))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([traced], tf.Module())
    for name, value in options.items():
        setattr(converter, name, value)
    path.write_bytes(converter.convert())
    return path


@pytest.fixture(scope="session")
def small_birdnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """144,000 samples -> an embedding of 1024 numbers (energy over time and of its changes) -> scores."""
    pytest.importorskip("tflite")
    rng = np.random.default_rng(0)
    mix, classes = (
        rng.normal(0, 1, shape).astype(np.float32) for shape in ((1000, 1024), (1024, NUM_CLASSES))
    )

    def network(windows: tf.Tensor) -> tf.Tensor:
        pieces = tf.reshape(windows, [-1, 500, 288])
        energy = tf.reduce_mean(pieces * pieces, axis=2)
        changes = tf.reduce_mean((pieces[:, :, 1:] - pieces[:, :, :-1]) ** 2, axis=2)
        energies = tf.concat([energy, changes], axis=1)
        share = energies / (tf.reduce_max(energies, axis=1, keepdims=True) + 1e-6)
        return tf.nn.relu(share @ mix) @ classes + 0.5

    folder = tmp_path_factory.mktemp("birdnet")
    names = "".join(f"Avis {number}_Bird {number}\n" for number in range(NUM_CLASSES))
    (folder / "Small_Labels.txt").write_text(names, "utf-8")
    return write_tflite(network, 144_000, folder / "Small_Model_FP32.tflite")
