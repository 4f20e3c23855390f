"""`calibrate --matching` and `query --rerank`, on the tiny aviary."""

import shutil

import pytest

from app.cli.main import build_parser
from inference.calibrate import PairCalibration
from inference.export import load_settings
from inference.matching import (
    MatchCalibration,
    RootSift,
    load_match_calibration,
    save_match_calibration,
)
from media import load_image
from tests.app.conftest import run


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSED_ENCODER_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def matching(journey, tmp_path):
    """A calibration of the journey's encoder by which shared points decide."""
    fingerprint = load_settings(journey.encoder).fingerprint
    curves = PairCalibration(1.0, 0.0), PairCalibration(5.0, -3.0)
    calibration = MatchCalibration(*curves, RootSift().name, fingerprint, 0.1)
    return save_match_calibration(tmp_path / "matching.json", calibration)


def ask(journey, photo, *options):
    return run("query", journey.index, "--encoder", journey.encoder, "--image", photo, *options)


def test_calibrate_learns_what_photos_share_for_its_encoder(journey, aviary, tmp_path, capsys):
    encoder = shutil.copytree(journey.encoder, tmp_path / "encoder")
    path = tmp_path / "learned.json"
    assert run("calibrate", encoder, "--images", aviary.images, "--matching", path) == 0
    assert f"The matching calibration is in '{path}'." in capsys.readouterr().out
    learned = load_match_calibration(path)
    assert learned.features == RootSift().name
    assert learned.fingerprint == load_settings(encoder).fingerprint


def test_the_photo_itself_is_ranked_first(journey, aviary, matching, tmp_path, capsys):
    photo = sorted(aviary.images.rglob("*.jpg"))[7]
    picture = tmp_path / "matches.jpg"
    assert ask(journey, photo, "--rerank", matching, "--matches", picture, "-k", 3) == 0
    printed = capsys.readouterr().out
    header, first, *others = printed.splitlines()
    assert header.split() == [
        "rank",
        "probability",
        "similarity",
        "shared",
        "points",
        "class",
        "id",
    ]
    assert first.split()[-1] == str(photo)
    assert [line.split()[0] for line in others[:2]] == ["2", "3"]
    assert f"The matches are drawn in '{picture}'." in printed
    assert load_image(picture).shape[0] == 3 * (360 + 4)


def test_a_calibration_of_another_encoder_is_refused(journey, aviary, matching, capsys):
    own = load_settings(journey.encoder).fingerprint
    matching.write_text(matching.read_text().replace(own, "other-1"))
    photo = sorted(aviary.images.rglob("*.jpg"))[7]
    assert ask(journey, photo, "--rerank", matching) == 2
    assert "is of the encoder other-1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--recording", "a.wav", "--rerank", "m.json"], "--rerank compares photos. Add --image"),
        (["--image", "a.jpg", "--matches", "m.jpg"], "Add --rerank FILE.json"),
        (["--image", "a.jpg", "--rerank", "no.json"], "There is no file 'no.json'"),
        (["--image", "a.jpg", "--rerank", "m.json", "--matches", "a.pdf"], "Expected --matches"),
    ],
)
def test_what_cannot_be_reranked_is_refused_before_anything_is_loaded(options, message):
    from app.cli.query import run as query

    with pytest.raises((ValueError, FileNotFoundError), match=message):
        query(build_parser().parse_args(["query", "x.index", "--encoder", "e", *options]))
