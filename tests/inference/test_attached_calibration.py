"""The calibration travels inside the exported encoder, and is refused beside another one."""

import json
import shutil

import pytest

from inference import Embedder, attach_calibration, export_saved_model
from inference.calibrate import Calibration, PairCalibration
from inference.export import load_settings

PAIRS = {"image-image": PairCalibration(20.0, -10.0)}


@pytest.fixture
def copied(exported, tmp_path):
    return shutil.copytree(exported, tmp_path / "encoder")


def test_a_calibration_travels_with_the_exported_encoder(encoder, yamnet, tmp_path):
    live = Embedder.from_encoder(encoder, yamnet)
    calibration = Calibration(live.fingerprint, PAIRS)
    path = export_saved_model(encoder, yamnet, tmp_path / "encoder", calibration=calibration)
    moved = path.rename(tmp_path / "moved")
    assert Embedder.load(moved).calibration == calibration


def test_a_calibration_of_another_encoder_is_not_exported(encoder, yamnet, tmp_path):
    other = Calibration("crow-2", PAIRS)
    with pytest.raises(ValueError, match="The calibration is of the encoder crow-2"):
        export_saved_model(encoder, yamnet, tmp_path / "encoder", calibration=other)
    assert list(tmp_path.iterdir()) == []


def test_a_calibration_is_attached_later_in_place_of_the_earlier(copied):
    fingerprint = load_settings(copied).fingerprint
    attach_calibration(copied, Calibration(fingerprint, {}))
    attach_calibration(copied, Calibration(fingerprint, PAIRS))
    assert Embedder.load(copied).calibration == Calibration(fingerprint, PAIRS)
    names = sorted(file.name for file in (copied / "assets").iterdir())
    assert names == ["calibration.json", "encoder.json"]


@pytest.mark.parametrize(
    ("fingerprint", "told"), [("crow-2", "of the encoder crow-2"), (None, "does not say of which")]
)
def test_a_calibration_that_is_not_of_this_encoder_is_not_attached(copied, fingerprint, told):
    with pytest.raises(ValueError, match=told):
        attach_calibration(copied, Calibration(fingerprint, PAIRS))
    assert not (copied / "assets" / "calibration.json").exists()


def test_an_encoder_with_the_calibration_of_another_does_not_load(copied):
    record = Calibration("crow-2", PAIRS).to_dict()
    (copied / "assets" / "calibration.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match=r"does not belong to the encoder beside it: .* crow-2"):
        Embedder.load(copied)
    (copied / "assets" / "calibration.json").write_text("{")
    with pytest.raises(ValueError, match="Cannot read the calibration"):
        Embedder.load(copied)
