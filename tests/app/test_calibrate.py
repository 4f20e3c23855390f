"""`fused-encoder calibrate` and the calibration that `export` makes, on the tiny aviary."""

import shutil
from pathlib import Path

import pytest

from app.cli.calibration_text import calibration_text
from inference.calibrate import Calibration, PairCalibration, UnknownScores
from inference.export import attached_calibration as attached
from inference.modalities import PAIR_PATTERNS
from tests.app.conftest import run
from triplets.sources import source_by_pattern


@pytest.fixture
def encoder(journey, tmp_path):
    return shutil.copytree(journey.encoder, tmp_path / "encoder")


@pytest.fixture
def strangers(aviary, tmp_path):
    """The aviary's birds under names that the encoder has not heard of."""
    for kind, folders in (("images", aviary.images), ("audio", aviary.audio)):
        for name in aviary.class_names:
            shutil.copytree(folders / name, tmp_path / kind / f"new_{name}")
    return tmp_path


def test_export_calibrates_on_held_out_files_and_says_that_their_classes_were_trained_on(journey):
    calibration = attached(journey.encoder)
    assert set(calibration.pairs) <= set(PAIR_PATTERNS)
    assert "image-image" in calibration.pairs
    assert not calibration.is_identity_disjoint
    where, meaning, what_next = journey.printed["export"].splitlines()
    assert str(journey.encoder) in where
    assert "trained on; animals that it never met are harder" in meaning
    assert what_next.startswith(f"Next: fused-encoder calibrate {journey.encoder} --images DIR")
    figures = (journey.encoder / "calibration.txt").read_text()
    assert "These individuals (or classes) were trained on" in figures
    patterns = ", ".join(calibration.pairs)
    assert figures.count("cannot certify") == 1
    assert f"\n{patterns}: cannot certify a false match rate of 0.2" in figures


def test_the_figures_of_an_encoder_are_shown(journey, encoder, capsys):
    assert run("calibrate", encoder, "--show") == 0
    printed = capsys.readouterr().out
    figures = (journey.encoder / "calibration.txt").read_text()
    assert figures[figures.index("Calibration:") :].strip() in printed


def test_calibrate_puts_a_calibration_into_the_encoder(encoder, strangers, tmp_path, capsys):
    folders = ("--images", strangers / "images", "--audio", strangers / "audio")
    picture = tmp_path / "calibration.png"
    broken = next((strangers / "images").iterdir()) / "broken.jpg"
    broken.write_bytes(b"no photo")
    assert run("calibrate", encoder, *folders, "--picture", picture) == 1
    calibration = attached(encoder)
    assert calibration.is_identity_disjoint
    assert list(calibration.pairs) == list(PAIR_PATTERNS)
    printed, told = capsys.readouterr()
    assert f"{broken}: " in told
    assert "individuals (or classes) that it had never met" in printed
    figures = (encoder / "calibration.txt").read_text()
    assert "were trained on" not in figures
    for pattern in PAIR_PATTERNS:
        assert f"\n{pattern} " in figures
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_individuals_named_as_trained_classes_are_told(encoder, aviary, capsys, caplog):
    assert run("calibrate", encoder, "--images", aviary.images) == 0
    assert not attached(encoder).is_identity_disjoint
    assert "4 of the individuals have the names of classes that the encoder was" in caplog.text
    assert "that it was trained on" in capsys.readouterr().out


def test_a_refused_calibration_leaves_the_earlier_one(encoder, strangers, capsys):
    before = attached(encoder)
    one_source = ("--source", r"\.jpg$")
    assert run("calibrate", encoder, "--images", strangers / "images", *one_source) == 2
    assert "the most often seen in 1 sources" in capsys.readouterr().err
    assert attached(encoder) == before


@pytest.mark.parametrize(
    ("pattern", "source"),
    [
        ("^(.*)_", "cam3_2026-05-01"),
        (r"\d{4}-\d\d-\d\d", "2026-05-01"),
        ("tape", "a/cam3_2026-05-01_7.jpg"),
    ],
)
def test_a_source_is_what_the_pattern_finds_in_a_files_name(pattern, source):
    assert source_by_pattern(pattern)(Path("a", "cam3_2026-05-01_7.jpg")) == source


def test_a_certified_threshold_is_told_with_what_it_rests_on():
    scores = tuple(i / 100 for i in range(60))
    pair = PairCalibration(20.0, -10.0, unknowns=UnknownScores(scores, 31))
    told = calibration_text(Calibration("wren-1", {"audio-audio": pair}))
    assert (
        "audio-audio: above 0.590, at most 5.0% of unknown animals are matched to one of 31 individuals "
        "like these (95% confidence, 60 unknown animals, several galleries)." in told
    )
