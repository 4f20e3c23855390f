"""The calibration inside an exported encoder: a file among its assets, refused beside another encoder."""

from __future__ import annotations

from pathlib import Path

from inference.calibrate import Calibration, load_calibration, save_calibration

CALIBRATION_FILE = "calibration.json"


def check_belongs(calibration: Calibration, fingerprint: str) -> None:
    """Refuses a calibration that is not known to be of the encoder.

    Args:
        calibration: any.
        fingerprint: of the encoder.

    Raises:
        ValueError: it is of another encoder, or does not say of which.
    """
    if calibration.fingerprint is None:
        raise ValueError(
            "The calibration does not say of which encoder it is, and a wrong one would go unseen. Fit it on "
            "embeddings as `Embedder.embed` gives them (np.asarray and np.concatenate lose the fingerprint; "
            "concatenate_embeddings keeps it)."
        )
    calibration.check_fingerprint(fingerprint)


def write_attached(folder: Path, calibration: Calibration, fingerprint: str) -> None:
    """Puts the calibration into an exported encoder; an earlier one is replaced whole or not at all.

    Args:
        folder: of the SavedModel.
        calibration: of this encoder.
        fingerprint: the encoder's.

    Raises:
        ValueError: see `check_belongs`.
    """
    check_belongs(calibration, fingerprint)
    save_calibration(folder / "assets" / CALIBRATION_FILE, calibration)


def read_attached(folder: Path, fingerprint: str) -> Calibration | None:
    """The calibration of an exported encoder, or None where it has none.

    Args:
        folder: of the SavedModel.
        fingerprint: the encoder's.

    Raises:
        ValueError: it is damaged, of a newer version, or of another encoder.
    """
    file = folder / "assets" / CALIBRATION_FILE
    if not file.is_file():
        return None
    calibration = load_calibration(file)
    try:
        check_belongs(calibration, fingerprint)
    except ValueError as error:
        raise ValueError(
            f"'{file}' does not belong to the encoder beside it: {error} Remove the file, or calibrate this "
            "encoder: `fused-encoder calibrate`."
        ) from error
    return calibration
