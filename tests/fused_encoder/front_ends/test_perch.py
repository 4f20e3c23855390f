"""Perch is loaded and called as its two versions are, from a folder or a Kaggle handle."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import tensorflow as tf

from fused_encoder import load_perch
from fused_encoder.weights import MissingWeightsError

WINDOWS = tf.TensorSpec([None, 160_000], tf.float32, name="inputs")


def embedded(windows: tf.Tensor, size: int) -> tf.Tensor:
    return tf.reduce_max(tf.reshape(windows, [-1, size, 160_000 // size]), axis=2)


class PerchV1(tf.Module):
    @tf.function(input_signature=[WINDOWS])
    def infer_tf(self, windows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.zeros([tf.shape(windows)[0], 3]), embedded(windows, 1280)


class PerchV2(tf.Module):
    @tf.function(input_signature=[WINDOWS])
    def serve(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        embedding = embedded(inputs[:, : 1536 * 104], 1536)
        return {"spatial_embedding": inputs, "embedding": embedding, "label": inputs[:, :3]}


def embedded_v2(windows: tf.Tensor) -> tf.Tensor:
    return tf.reduce_max(tf.reshape(windows[:, : 1536 * 104], [-1, 1536, 104]), axis=2)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("perch")
    tf.saved_model.save(PerchV1(), folder / "v1")
    second = PerchV2()
    tf.saved_model.save(second, folder / "v2", signatures={"serving_default": second.serve})
    return folder


@pytest.mark.parametrize(("version", "size"), [("v1", 1280), ("v2", 1536)])
def test_each_version_gives_its_embedding_of_windows_of_peak_one_quarter(
    saved: Path, version: str, size: int
) -> None:
    perch = load_perch(saved / version, hop_seconds=2.5)
    assert (perch.name, perch.sample_rate_hz, perch.embedding_size) == ("perch", 32_000, size)
    sound = np.random.default_rng(0).normal(0.1, 0.05, 250_000).astype(np.float32)
    frames = perch(sound)
    assert frames.shape == (perch.frames_in(250_000 / 32_000), size) == (3, size)
    np.testing.assert_allclose(perch(3 * sound)[:2], frames[:2], rtol=1e-4, atol=1e-5)
    centred = sound[:160_000] - sound[:160_000].mean()
    expected = 0.25 * centred / np.abs(centred).max()
    step = 160_000 // 1280 if version == "v1" else 104
    np.testing.assert_allclose(frames[0, 7], expected[7 * step : 8 * step].max(), rtol=1e-4)
    assert perch.module is not None


def test_a_handle_is_downloaded_from_kaggle(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def model_download(handle: str) -> str:
        asked.append(handle)
        return str(saved / "v2")

    kagglehub = ModuleType("kagglehub")
    kagglehub.model_download = model_download  # type: ignore[attr-defined]  # a stand-in
    monkeypatch.setitem(sys.modules, "kagglehub", kagglehub)
    assert load_perch().embedding_size == 1536
    assert asked == ["google/bird-vocalization-classifier/tensorFlow2/perch_v2_cpu/1"]
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(MissingWeightsError, match=r"perch_v2_cpu/1' .* pip install kagglehub"):
        load_perch()


def test_what_is_not_perch_is_refused(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a readable SavedModel directory"):
        load_perch(tmp_path)
    tf.saved_model.save(tf.Module(), tmp_path / "empty")
    with pytest.raises(ValueError, match="'perch' has no function 'serving_default'"):
        load_perch(tmp_path / "empty")
