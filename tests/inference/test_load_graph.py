"""A SavedModel is a program: what could touch files is refused before it is loaded."""

import shutil
from pathlib import Path

import pytest
import tensorflow as tf

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
