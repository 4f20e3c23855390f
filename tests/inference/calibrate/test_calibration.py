"""A calibration: what it tells of similarities, for whom, and that it survives being written."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference import Embeddings
from inference.calibrate import (
    Calibration,
    CalibrationError,
    CannotCertifyError,
    PairCalibration,
    UnknownScores,
    calibration_error,
    load_calibration,
    save_calibration,
)


def scores_up_to(most):
    return tuple(np.linspace(0, most, 80).tolist())


FULL = Calibration(
    "wren-1",
    {
        "image-image": PairCalibration(
            20.0,
            -10.0,
            ((0.1, -6.0), (0.5, 0.0), (0.7, 5.0)),
            12,
            40,
            CalibrationError(0.02, 0.04, 0.1, 12, ((0.1, 0.2, 0.5), (0.8, 0.9, 0.5))),
            UnknownScores(scores_up_to(0.6), 7, (scores_up_to(0.5),)),
        ),
        "image-audio": PairCalibration(3.0, 1.0),
    },
    is_identity_disjoint=False,
)


def test_log_odds_are_a_straight_line():
    assert FULL.log_odds([[0.0, 0.5, 1.0]]).tolist() == [[-10.0, 0.0, 10.0]]
    assert FULL.log_odds(0.5, "image-audio") == 2.5


def test_shown_probabilities_are_those_of_the_isotonic_curve():
    odds = np.exp([-6.0, -3.0, 0.0, 2.5, 5.0, 5.0])
    shown = FULL.probability([-1.0, 0.3, 0.5, 0.6, 0.7, 1.0])
    assert shown == pytest.approx(odds / (1 + odds))


@given(similarity=st.floats(-1, 1), prior=st.floats(0.01, 0.99))
def test_a_prior_multiplies_the_odds(similarity, prior):
    shown = [FULL.probability(similarity, "image-audio", prior=p) for p in (0.5, prior)]
    even, shifted = map(float, shown)
    assert shifted / (1 - shifted) == pytest.approx(even / (1 - even) * prior / (1 - prior))


def test_a_threshold_is_certified_from_the_scores_that_travel_along():
    certified = FULL.threshold_at(0.05)
    assert (certified.num_units, certified.num_gallery) == (80, 7)
    assert certified.similarity == pytest.approx(0.6)
    with pytest.raises(CannotCertifyError, match=r"needs 59 independent units .* have 0"):
        FULL.threshold_at(0.05, pattern="image-audio")


def test_embeddings_of_another_encoder_are_refused_and_unknown_ones_pass():
    FULL.check_fingerprint(np.zeros(2))
    FULL.check_fingerprint(Embeddings.of([[1.0, 0.0]], "wren-1"))
    with pytest.raises(ValueError, match=r"of the encoder wren-1, received embeddings of crow-2"):
        FULL.check_fingerprint(Embeddings.of([[1.0, 0.0]], "crow-2"))


def test_what_is_saved_is_loaded_the_same(tmp_path):
    path = save_calibration(tmp_path / "new" / "calibration.json", FULL)
    assert load_calibration(path) == FULL
    assert [file.name for file in path.parent.iterdir()] == ["calibration.json"]
    path.write_text(json.dumps(FULL.to_dict() | {"schema": 99}))
    with pytest.raises(ValueError, match=r"has schema 99, this version reads up to 1\. Update"):
        load_calibration(path)


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"schema": 1, "fingerprint": null, "pairs": {"image-image": {}}}']
)
def test_a_damaged_calibration_is_refused_with_its_path(text, tmp_path):
    file = tmp_path / "calibration.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=f"Cannot read the calibration '{file}'"):
        load_calibration(file)


# How good probabilities are


def test_errors_are_those_counted_by_hand():
    error = calibration_error([0.2, 0.2, 0.8, 0.8], [False, True, True, True])
    assert error.expected_calibration_error == pytest.approx((0.3 + 0.2) / 2)
    assert error.brier_score == pytest.approx((0.04 + 0.64 + 0.04 + 0.04) / 4)
    assert error.log_loss == pytest.approx(-(3 * math.log(0.8) + math.log(0.2)) / 4)


def test_true_probabilities_lie_on_the_diagonal():
    rng = np.random.default_rng(0)
    probability = rng.random(50_000)
    is_same = rng.random(50_000) < probability
    error = calibration_error(probability, is_same)
    shown, share, _ = np.array(error.reliability).T
    assert len(shown) == 15
    assert share == pytest.approx(shown, abs=0.03)
    assert error.expected_calibration_error < 0.01
    too_sure = np.clip(3 * (probability - 0.5) + 0.5, 0.01, 0.99)
    assert calibration_error(too_sure, is_same).expected_calibration_error > 0.1
