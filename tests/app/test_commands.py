import json
import logging

import numpy as np
import pytest

from app.cli import train
from app.cli.main import build_parser
from app.cli.outcome import table
from fused_encoder import LogMelFeatures
from inference.embedding_file import load_embeddings
from inference.export import load_settings
from tests.app.conftest import RECIPE, run
from triplets import scan_folders


def test_every_step_ends_as_it_should_and_says_what_it_made_and_where(journey, aviary):
    assert journey.codes == {"train": 1, "evaluate": 0, "export": 0, "embed": 0, "index": 0}
    assert f"fused-encoder evaluate {journey.run}" in journey.printed["train"]
    assert "photos and 12 recordings of 4 classes: loss 0." in journey.printed["train"]
    assert "Two photos with their calls with a similarity above" in journey.printed["export"]
    assert "calibration.txt" in journey.printed["export"]
    assert journey.printed["embed"] == f"20 embeddings in '{journey.rows}'.\n"
    assert "20 new of 20 rows from" in journey.printed["index"]
    settings = load_settings(journey.encoder)
    assert settings.class_names == aviary.class_names
    assert set(settings.thresholds) == {"fused", "image", "audio"}


def test_prepare_lists_what_it_skipped(journey, aviary, tmp_path, capsys):
    arguments = ["--out", tmp_path / "triplets", "--yamnet", "log_mel", "--triplets-per-class", 3]
    assert run("prepare", journey.root / "images", aviary.audio, *arguments) == 1
    printed = capsys.readouterr()
    assert "12 triplets of 4 classes in" in printed.out
    assert f"Skipped 1 input:\n  {journey.broken}: " in printed.err
    assert (tmp_path / "triplets" / "triplets.json").is_file()


def test_embed_walks_folders_and_names_rows_by_path(journey, aviary):
    rows = load_embeddings(journey.rows)
    photos = sorted(str(path) for path in aviary.images.rglob("*.jpg"))
    assert sorted(rows.ids) == photos
    assert {row["class"] for row in rows.metadata} == set(aviary.class_names)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_pairs_of_a_csv_are_embedded_as_one(journey, aviary, tmp_path, encoding):
    sound = next(aviary.audio.rglob("*.flac"))
    lines = f"image,recording\n{journey.photo},{sound}\n,{sound}\n"
    (tmp_path / "pairs.csv").write_text(lines, encoding=encoding)
    out = tmp_path / "rows.npz"
    options = ["--pairs", tmp_path / "pairs.csv", "--encoder", journey.encoder, "--out", out]
    assert run("embed", *options) == 0
    rows = load_embeddings(out)
    assert rows.ids == (f"{journey.photo}+{sound}", str(sound))
    assert not np.allclose(rows.embeddings[0], rows.embeddings[1])


def test_a_csv_without_the_columns_is_refused(journey, tmp_path, capsys):
    (tmp_path / "pairs.csv").write_text("photo,call\na,b\n")
    options = ["--pairs", tmp_path / "pairs.csv", "--encoder", journey.encoder, "--out", "x.npz"]
    assert run("embed", *options) == 2
    told = "has no column image, recording"
    assert told in capsys.readouterr().err


def test_index_info_says_what_the_index_holds(journey, capsys):
    assert run("index", "info", journey.index) == 0
    printed = capsys.readouterr().out.split()
    assert printed[:2] == ["embeddings", "20"]
    assert printed[-1] == load_settings(journey.encoder).fingerprint


def test_a_photo_in_the_index_finds_itself_first(journey, aviary, capsys):
    photo = sorted(aviary.images.rglob("*.jpg"))[7]
    assert run("query", journey.index, "--encoder", journey.encoder, "--image", photo, "-k", 3) == 0
    header, first, *others = capsys.readouterr().out.splitlines()
    assert header.split() == ["rank", "similarity", "class", "id"]
    assert first.split() == ["1", "1.000", photo.parent.name, str(photo)]
    assert len(others) == 2


def test_a_query_that_cannot_be_read_is_refused(journey, capsys):
    asked = ("--encoder", journey.encoder, "--image", journey.broken)
    assert run("query", journey.index, *asked) == 2
    assert f"fused-encoder query: cannot read '{journey.broken}': " in capsys.readouterr().err


def test_count_prints_each_video_and_writes_json(journey, aviary, tmp_path, capsys):
    videos = sorted(aviary.videos.glob("*.mp4"))
    out = tmp_path / "new" / "count.json"
    options = ["--encoder", journey.encoder, "--threshold", 0.5, "--out", out]
    assert run("count", *videos, *options) == 0
    printed = capsys.readouterr().out
    record = json.loads(out.read_text())
    assert list(record["per_video"]) == [str(video) for video in videos]
    assert all(str(video) in printed for video in videos)
    assert "What is counted: distinct individuals in this footage" in printed


def test_the_doctor_names_libraries_and_missing_weights(capsys, monkeypatch, tmp_path_factory):
    empty = tmp_path_factory.mktemp("no_weights")
    monkeypatch.setenv("HOME", str(empty))
    monkeypatch.delenv("FUSED_ENCODER_WEIGHTS", raising=False)
    monkeypatch.setenv("FUSED_ENCODER_CACHE", str(empty / "cache"))
    assert run("doctor") == 0
    printed = capsys.readouterr().out
    for word in ("tensorflow", "soundfile", "devices:", "yamnet", "vgg16", "mobilenet_v2"):
        assert word in printed
    assert "is downloaded at first use" in printed


def test_running_a_command_leaves_the_log_handlers_of_others_alone():
    handler = logging.NullHandler()
    logging.getLogger().addHandler(handler)
    try:
        run("evaluate", "nothing")
        assert handler.filters == []
    finally:
        logging.getLogger().removeHandler(handler)


def test_a_table_keeps_its_columns_in_line():
    text = table([("wren", 0.5), ("rail", 12)], ("name", "value"))
    assert text.splitlines() == ["name  value", "wren  0.500", "rail     12"]


def test_the_network_that_is_trained_is_the_one_that_was_asked_for(aviary):
    asked = f"train i a --out o {RECIPE} --modality-dropout 0.2"
    files = scan_folders(aviary.images, aviary.audio)
    encoder = train._encoder(build_parser().parse_args(asked.split()), files, LogMelFeatures())
    assert encoder.get_layer("fusion").get_layer("fusion").dropout_rate == 0.2
    assert not any(layer.name == "photo_views" for layer in encoder._flatten_layers())
