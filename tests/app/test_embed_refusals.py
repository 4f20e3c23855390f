"""What `embed` and `index build` cannot do as asked is refused, never passed over in silence."""

from pathlib import Path

import numpy as np
import pytest

from inference import EmbeddingIndex
from media import save_waveform
from tests.app.conftest import run

RATE = 16_000


@pytest.fixture(autouse=True)
def _an_encoder_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("e", "assets").mkdir(parents=True)
    Path("e", "assets", "encoder.json").touch()
    Path("a.jpg").touch()
    Path("cards").mkdir()


@pytest.mark.parametrize(
    "asked", ["--no-resume", "--strict", "--shard 1/2", "--hop-seconds 1", "--engine ray"]
)
def test_an_option_that_cannot_change_a_npz_is_an_error(asked, capsys):
    assert run("embed", "a.jpg", "--encoder", "e", "--out", "x.npz", *asked.split()) == 2
    assert f"which {asked if '--engine' in asked else asked.split()[0]} cannot change" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("option", [("--ray-address", "auto"), ("--ray-actors", "2")])
def test_a_cluster_is_named_with_the_engine_that_uses_it(option, tmp_path, capsys):
    assert run("embed", "cards", "--encoder", "e", "--out", tmp_path / "out", *option) == 2
    assert f"{option[0]} needs --engine ray" in capsys.readouterr().err


def test_what_a_npz_cannot_hold_is_skipped_and_told(journey, tmp_path, capsys):
    (tmp_path / "card").mkdir()
    (tmp_path / "card/film.mp4").touch()
    (tmp_path / "notes.txt").write_text("not a photo")
    inputs = [journey.photo, journey.photo, journey.broken, tmp_path / "notes.txt", "gone.jpg"]
    out = ("--encoder", journey.encoder, "--out", tmp_path / "x.npz")
    assert run("embed", *inputs, tmp_path / "card", *out) == 1
    printed = capsys.readouterr()
    assert "1 embeddings in" in printed.out
    assert "Skipped 4 inputs" in printed.err
    assert "film.mp4: a video, of which a .npz holds nothing" in printed.err
    assert all(name in printed.err for name in ("broken.jpg", "notes.txt", "gone.jpg"))


@pytest.fixture
def embed(journey, tmp_path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 8 * RATE)
    save_waveform(tmp_path / "wren.wav", noise, RATE)
    where = (tmp_path / "wren.wav", "--encoder", journey.encoder, "--out", tmp_path / "out")
    return lambda *options: run("embed", *where, "--workers", 0, *options)


def test_an_index_does_not_hold_windows_of_two_cuts_of_one_recording(embed, tmp_path, capsys):
    index = tmp_path / "birds.index"
    embed()
    for _ in range(2):  # the same again is no harm
        assert run("index", "build", index, tmp_path / "out") == 0
    with EmbeddingIndex.open(index) as opened:
        before = len(opened)
    embed("--hop-seconds", 1)
    assert run("index", "build", index, tmp_path / "out") == 2
    assert "Nothing was added. Build a new index." in capsys.readouterr().err
    with EmbeddingIndex.open(index) as opened:
        assert len(opened) == before


def test_a_hop_that_cannot_be_had_is_told(embed, caplog):
    assert embed("--hop-seconds", 0.1) == 0
    assert "Windows begin at least 0.48 s apart" in caplog.text
