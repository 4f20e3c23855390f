"""From similarities to evidence: probabilities, and thresholds one can defend."""

from inference.calibrate.calibration import Calibration
from inference.calibrate.calibration_file import load_calibration, save_calibration
from inference.calibrate.certified import (
    CannotCertifyError,
    CertifiedThreshold,
    RealisedRate,
    UnknownScores,
    certify_threshold,
    lowest_rate,
    realised_rate,
    units_needed,
)
from inference.calibrate.fit import fit_calibration
from inference.calibrate.pair_calibration import CalibrationError, PairCalibration
from inference.calibrate.quality import Reliability, calibration_error, reliability

__all__ = [
    # what similarities mean
    "Calibration",
    "PairCalibration",
    "fit_calibration",
    "save_calibration",
    "load_calibration",
    # thresholds with a promise
    "CertifiedThreshold",
    "CannotCertifyError",
    "RealisedRate",
    "UnknownScores",
    "certify_threshold",
    "realised_rate",
    "units_needed",
    "lowest_rate",
    # how good probabilities are
    "CalibrationError",
    "Reliability",
    "calibration_error",
    "reliability",
]
