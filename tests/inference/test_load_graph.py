"""A SavedModel is a program: what could touch files is refused before it is loaded."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla

from fused_encoder import create_fused_encoder, front_end_from_saved_model
from inference import Embedder, export_saved_model


class Crafted(tf.Module):
    """Looks like an encoder, and writes or reads a file, deep inside a function."""

    def __init__(self, path: Path, is_writing: bool) -> None:
        super().__init__()
        self.path, self.is_writing = str(path), is_writing

    @tf.function
    def touch(self) -> tf.Tensor:
        if self.is_writing:
            tf.io.write_file(self.path, "gotcha")
            return tf.constant(0.0)
        return tf.cast(tf.strings.length(tf.io.read_file(self.path)), tf.float32)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32)])
    def embed_sound(self, sound: tf.Tensor) -> tf.Tensor:
        if tf.size(sound) > 0:
            return sound + self.touch()
        return sound


class Table(tf.Module):
    """Reads a file as soon as it is loaded."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        path.write_text("a\nb\n")
        rows = tf.lookup.TextFileInitializer(
            *(str(path), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE),
            *(tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER),
        )
        self.table = tf.lookup.StaticHashTable(rows, 0)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)])
    def embed_sound(self, sound: tf.Tensor) -> tf.Tensor:
        return self.table.lookup(sound)


def saved_as_an_export(model: tf.Module, exported: Path, path: Path) -> Path:
    tf.saved_model.save(model, path)
    (path / "assets").mkdir(exist_ok=True)
    shutil.copy(exported / "assets" / "encoder.json", path / "assets" / "encoder.json")
    return path


@pytest.mark.parametrize(("is_writing", "op"), [(True, "WriteFile"), (False, "ReadFile")])
def test_an_encoder_that_touches_files_is_not_loaded(exported, tmp_path, is_writing, op):
    target = tmp_path / "touched"
    crafted = saved_as_an_export(Crafted(target, is_writing), exported, tmp_path / "crafted")
    with pytest.raises(ValueError, match=rf"is not loaded: it holds .*\({op}.*is a program"):
        Embedder.load(crafted)
    assert not target.exists()


def test_an_encoder_that_reads_a_file_when_it_is_loaded_is_not_loaded(exported, tmp_path):
    crafted = saved_as_an_export(Table(tmp_path / "rows.txt"), exported, tmp_path / "crafted")
    with pytest.raises(ValueError, match=r"is not loaded: .*InitializeTableFromTextFileV2"):
        Embedder.load(crafted)


def test_a_second_form_of_the_graph_is_not_overlooked(exported, tmp_path):
    crafted = Path(shutil.copytree(exported, tmp_path / "crafted"))
    (crafted / "saved_model.pbtxt").write_text("")
    with pytest.raises(ValueError, match=r"found saved_model\.pb, saved_model\.pbtxt"):
        Embedder.load(crafted)


class OfJax(tf.Module):
    """As jax2tf writes a function: StableHLO, of which `line` makes %1 of the windows %0."""

    def __init__(
        self, line: str, functions: Sequence[object] = (), *, num: int | str = "?"
    ) -> None:
        super().__init__()
        stablehlo = pytest.importorskip("tensorflow.compiler.mlir.stablehlo.stablehlo")
        kind = f"tensor<{num}x800xf32>"
        text = f"""module @jax attributes {{jax.uses_shape_polymorphism = true}} {{
            func.func public @main(%0: {kind}) -> {kind} {{
                %1 = {line} : ({kind}) -> {kind}
                return %1 : {kind} }} }}"""
        version = stablehlo.get_current_version()
        self.module = stablehlo.serialize_portable_artifact_str(text, version)
        self.functions = list(functions)

    @tf.function(input_signature=[tf.TensorSpec((None, 800), tf.float32)], autograph=False)
    def embed(self, windows: tf.Tensor) -> tf.Tensor:
        how = {"version": 9, "platforms": ["CPU"], "function_list": self.functions}
        shape = {"Sout": [(None, 800)], "Tout": [tf.float32]}
        return xla.call_module([windows], module=self.module, **shape, **how)[0]


def test_an_encoder_with_a_front_end_of_jax_is_loaded_and_hears_the_same(tmp_path):
    numbers = {"sample_rate_hz": 8000, "window_seconds": 0.1}
    front_end = front_end_from_saved_model(
        OfJax("stablehlo.tanh %0"), name="jax", function="embed", **numbers
    )
    encoder = create_fused_encoder(image_backbone=None, fusion="additive", audio_size=800)
    path = export_saved_model(encoder, front_end, tmp_path / "encoder", audio_seconds=1.0)
    sound = np.random.default_rng(0).normal(0, 0.2, 2000).astype(np.float32)
    np.testing.assert_allclose(front_end(sound)[0], np.tanh(sound[:800]), atol=1e-6)
    live = Embedder.from_encoder(encoder, front_end, audio_seconds=1.0)
    heard, expected = (
        embedder.embed(recordings=[sound]) for embedder in (Embedder.load(path), live)
    )
    np.testing.assert_allclose(heard, expected, atol=1e-6)


def test_what_a_function_of_jax_calls_in_tensorflow_is_looked_through(exported, tmp_path):
    @tf.function(input_signature=[tf.TensorSpec((None, 800), tf.float32)])
    def writes(windows: tf.Tensor) -> tf.Tensor:
        tf.io.write_file(str(tmp_path / "touched"), "gotcha")
        return windows

    called = "{called_index = 0 : i64, has_token_input_output = false}"
    line = (
        "stablehlo.custom_call @tf.call_tf_function(%0) "
        f"{{api_version = 2 : i32, has_side_effect = true, tf.backend_config = {called}}}"
    )
    crafted = OfJax(line, [writes.get_concrete_function()])
    crafted = saved_as_an_export(crafted, exported, tmp_path / "crafted")
    with pytest.raises(ValueError, match=r"is not loaded: it holds .*\(WriteFile\)"):
        Embedder.load(crafted)


@pytest.mark.parametrize("function", ["system", "memcpy", "PyRun_SimpleString"])
def test_xla_finds_no_function_of_the_process_by_its_name(function):
    crafted = OfJax(f"stablehlo.custom_call @{function}(%0) {{api_version = 1 : i32}}", num=2)
    with pytest.raises(tf.errors.NotFoundError, match=f"custom call to {function}"):
        crafted.embed(tf.ones((2, 800)))


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_a_damaged_graph_is_told_of(exported, tmp_path, share):
    copy = Path(shutil.copytree(exported, tmp_path / "damaged"))
    content = (copy / "saved_model.pb").read_bytes()
    (copy / "saved_model.pb").write_bytes(content[: round(share * len(content))])
    with pytest.raises(ValueError, match=r"damaged' is damaged .*Export it again"):
        Embedder.load(copy)


@pytest.mark.weights
def test_an_export_with_the_genuine_yamnet_is_loaded(weights_dir, encoder, photos, tmp_path):
    yamnet = tf.saved_model.load(str(weights_dir / "yamnet"))
    embedder = Embedder.load(export_saved_model(encoder, yamnet, tmp_path / "encoder"))
    assert embedder.embed(photos[:1]).shape == (1, 128)
