"""The picture of a calibration: a row for each pattern, and what cannot be told is said."""

import numpy as np
import pytest

from inference.calibrate import Calibration, PairCalibration, UnknownScores, fit_calibration
from inference.calibrate.plots import plot_calibration


def titles(figure):
    return [axes.get_title() for axes in figure.axes]


def labels(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


@pytest.fixture(scope="module")
def calibration():
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((120, 16))
    views = np.repeat(centres, 3, axis=0) + 0.5 * rng.standard_normal((360, 16))
    views /= np.linalg.norm(views, axis=1, keepdims=True)
    return fit_calibration(views, np.repeat(np.arange(120), 3))


def test_a_row_shows_curve_reliability_and_false_matches(calibration, tmp_path):
    figure = plot_calibration(calibration)
    error = calibration.pair().error.expected_calibration_error
    assert titles(figure) == [
        "image-image: 120 individuals",
        f"held out: error {error:.3f}",
        "60 unknown animals, 60 in the gallery",
    ]
    certified = calibration.threshold_at(0.05)
    assert labels(figure.axes[2])[-1] == f"certified at {certified.similarity:.3f}:\nat most 0.05"
    figure.savefig(tmp_path / "calibration.png")


def test_the_share_of_unknown_animals_above_a_threshold_is_the_counted_one(calibration):
    (step,) = plot_calibration(calibration).axes[2].lines[:1]
    scores = np.array(calibration.pair().unknowns.scores)
    expected = [np.mean(scores > threshold) for threshold in step.get_xdata()]
    assert step.get_ydata() == pytest.approx(expected)


def test_what_cannot_be_told_is_said(tmp_path):
    few = UnknownScores((0.1, 0.2), 1)
    pairs = {
        "image-image": PairCalibration(0.0, 0.0),
        "audio-audio": PairCalibration(9.0, 0.0, unknowns=few),
    }
    figure = plot_calibration(Calibration(None, pairs, is_identity_disjoint=False))
    assert titles(figure)[1:3] == ["too few individuals to hold out", "no unknown animals"]
    assert figure.axes[5].get_legend().get_title().get_text() == "nothing can be certified"
    assert "was trained on" in figure.get_suptitle()
    figure.savefig(tmp_path / "calibration.png")
