"""A name or a path stands for an audio front end."""

import json
from pathlib import Path

import pytest
import tensorflow as tf

from fused_encoder import LogMelFeatures, load_front_end
from fused_encoder.weights import MissingWeightsError


class Energy(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 500], tf.float32)])
    def embed(self, windows: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(windows**2, axis=1, keepdims=True)


@pytest.fixture
def described(tmp_path: Path) -> Path:
    tf.saved_model.save(Energy(), tmp_path / "energy")
    description = {
        "source": "energy",
        "name": "energy",
        "sample_rate_hz": 1000,
        "window_seconds": 0.5,
        "function": "embed",
    }
    (tmp_path / "energy.json").write_text(json.dumps(description), "utf-8")
    return tmp_path / "energy.json"


def test_each_kind_is_told_by_its_name_or_its_file(
    small_birdnet: Path, described: Path, tmp_path: Path
) -> None:
    assert load_front_end("log_mel").name == "log_mel"
    assert load_front_end(small_birdnet).name == "birdnet"
    tf.saved_model.save(LogMelFeatures(), tmp_path / "yamnet")
    assert load_front_end(tmp_path / "yamnet").name == "yamnet"
    energy = load_front_end(described)
    assert (energy.name, energy.window_samples, energy.embedding_size) == ("energy", 500, 1)


def test_what_stands_for_nothing_is_refused(described: Path) -> None:
    with pytest.raises(MissingWeightsError, match=r"'brdnet' is neither a path .* yamnet, birdnet"):
        load_front_end("brdnet")
    with pytest.raises(ValueError, match="not a readable SavedModel"):
        load_front_end(f"perch:{described.parent}")
    described.write_text('{"source": "energy"}', "utf-8")
    with pytest.raises(ValueError, match=r"energy\.json' does not describe an audio front end"):
        load_front_end(described)
