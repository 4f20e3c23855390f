from dataclasses import replace

import keras
import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

from media import load_image
from training.callbacks import EmbeddingProjector
from training.callbacks.embedding_projector import _write_metadata, _write_sprite
from training.pairs import draw_pairs

UINT32, STRING, MESSAGE = 13, 9, 11  # numbers of protobuf's own types


def projector_config(text):
    """TensorBoard's own message, whose definition is public; any unknown name is an error."""
    file = descriptor_pb2.FileDescriptorProto(name="config.proto", package="p", syntax="proto3")
    messages = {
        "Sprite": [("image_path", 1, STRING, 1), ("single_image_dim", 2, UINT32, 3)],
        "Info": [
            ("tensor_name", 1, STRING, 1),
            ("metadata_path", 2, STRING, 1),
            ("tensor_shape", 4, UINT32, 3),
            ("sprite", 5, "Sprite", 1),
            ("tensor_path", 6, STRING, 1),
        ],
        "Config": [("embeddings", 2, "Info", 3)],
    }
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field, number, kind, label in fields:
            of_message = {"type": MESSAGE, "type_name": f".p.{kind}"}
            kinds = of_message if isinstance(kind, str) else {"type": kind}
            message.field.add(name=field, number=number, label=label, **kinds)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    config = message_factory.GetMessageClass(pool.FindMessageTypeByName("p.Config"))()
    return text_format.Parse(text, config)


class Embedding128:
    """Stands in for `LiveEmbedding`: row i is the i-th unit vector."""

    def __init__(self, encoder, media, pairs, **options):
        self.num = len(pairs.labels)

    def __call__(self):
        return np.eye(self.num, 128, dtype=np.float32)


@pytest.fixture
def fit(media, tmp_path, monkeypatch):
    """Fits for five epochs and gives the log folder."""
    monkeypatch.setattr("training.callbacks.embedding_projector.LiveEmbedding", Embedding128)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    numbers = np.zeros((4, 1))

    def fit_and_write(**options):
        projector = EmbeddingProjector(tmp_path, model, media, every=2, max_pairs_per_class=3)
        model.fit(numbers, numbers, epochs=5, verbose=0, callbacks=[projector], **options)
        return tmp_path

    return fit_and_write


@pytest.fixture
def written(fit):
    return fit()


def test_the_config_lists_every_second_epoch(written):
    config = projector_config((written / "projector_config.pbtxt").read_text())
    names = [entry.tensor_name for entry in config.embeddings]
    assert names == ["epoch_002", "epoch_004"]
    for entry in config.embeddings:
        assert list(entry.tensor_shape) == [12, 128]
        for path in (entry.tensor_path, entry.metadata_path, entry.sprite.image_path):
            assert (written / path).is_file()


def test_a_run_that_goes_on_keeps_the_points_of_earlier_epochs(fit):
    config = (fit() / "projector_config.pbtxt").read_text()
    assert (fit(initial_epoch=3) / "projector_config.pbtxt").read_text() == config


def test_points_names_and_thumbnails_are_as_many(written, media):
    points = np.loadtxt(written / "projector" / "epoch_004.tsv", delimiter="\t")
    np.testing.assert_array_equal(points, np.eye(12, 128))
    lines = (written / "projector" / "metadata.tsv").read_text().splitlines()
    assert lines[0].split("\t") == ["class", "photo", "recording"]
    pairs = draw_pairs(media, 3, seed=0)
    assert [line.split("\t")[0] for line in lines[1:]] == pairs.labels.tolist()
    assert load_image(written / "projector" / "sprite.png").shape == (4 * 64, 4 * 64, 3)


def test_thumbnails_stand_row_by_row_in_the_order_of_the_points(tmp_path):
    photos = [np.full((224, 224, 3), 40 * number, np.uint8) for number in range(1, 6)]
    assert _write_sprite(tmp_path / "sprite.png", photos) == 64
    middles = load_image(tmp_path / "sprite.png")[32::64, 32::64, 0]
    assert middles.tolist() == [[40, 80, 120], [160, 200, 0], [0, 0, 0]]


def test_tabs_in_file_names_do_not_break_the_table(media, tmp_path):
    pairs = draw_pairs(media, 1, seed=0)
    odd = [replace(file, path=file.path.with_name("a\tb\n c.jpg")) for file in media.images]
    _write_metadata(tmp_path / "metadata.tsv", replace(media, images=tuple(odd)), pairs)
    rows = (tmp_path / "metadata.tsv").read_text().splitlines()
    assert len(rows) == 1 + len(pairs.labels)
    assert rows[1].split("\t")[1] == "a b c.jpg"
