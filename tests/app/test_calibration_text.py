"""What a calibration says to somebody who has never heard of one."""

import pytest

from app.cli.calibration_text import calibration_in_short
from inference.calibrate import Calibration, PairCalibration


def told(slope, intercept, pattern="image-image", *, is_identity_disjoint=True):
    pair = PairCalibration(slope, intercept, num_individuals=12)
    return calibration_in_short(
        Calibration("wren-1", {pattern: pair}, is_identity_disjoint=is_identity_disjoint)
    )


def test_it_says_from_where_on_two_photos_are_the_same_and_where_that_is_sure():
    assert told(20.0, -10.0) == (
        "Two photos with a similarity above 0.500 are more likely the same than not, and from 0.647 on "
        "that is 95% sure, if both were equally likely before (measured on 12 individuals (or classes) that "
        "it had never met)."
    )


def test_it_says_whom_it_was_measured_on():
    short = told(20.0, -10.0, "audio-audio", is_identity_disjoint=False)
    assert short.startswith("Two recordings with")
    assert "held-out files of 12 classes that it was trained on; animals that it never" in short


@pytest.mark.parametrize(
    ("slope", "intercept", "words"),
    [
        (4.0, -2.0, "no similarity makes that 95% sure"),
        (4.0, -5.0, "are hardly more similar than others: this encoder does not tell them apart"),
        (0.1, 0.5, "are hardly more similar than others"),
        (0.0, 0.0, "are NOT more similar than others: this encoder cannot tell them apart"),
    ],
)
def test_an_encoder_that_tells_little_apart_says_so(slope, intercept, words):
    assert words in told(slope, intercept)


def test_too_few_files_are_told():
    assert calibration_in_short(None).endswith("the held-out files are too few to measure it.")
