"""A calibration in words: a few sentences for everybody, and all of its figures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from app.cli.outcome import table
from inference import Calibration, CannotCertifyError
from inference.modalities import MODALITIES

TEXT_FILE = "calibration.txt"
SURE = 0.95
HEADER = ("pairs", "individuals", "of one", "curve", "error", "even at", "certified")
TWO_OF = {"image": "Two photos", "audio": "Two recordings", "fused": "Two photos with their calls"}


def calibration_in_short(calibration: Calibration | None) -> str:
    """What similarity means "the same", and how sure that is, in one line."""
    if calibration is None:
        return 'What similarity means "the same" is not known: the held-out files are too few to measure it.'
    kinds = [kind for kind in reversed(MODALITIES) if f"{kind}-{kind}" in calibration.pairs]
    if not kinds:
        return 'What similarity means "the same" is known for mixed pairs only, see the figures.'
    modality = kinds[0]
    pair = calibration.pairs[f"{modality}-{modality}"]
    of_whom = (
        f"{pair.num_individuals} individuals (or classes) that it had never met"
        if calibration.is_identity_disjoint
        else f"held-out files of {pair.num_individuals} classes that it was trained on; animals that it "
        "never met are harder"
    )
    if pair.slope <= 0:
        return (
            f"{TWO_OF[modality]} of one individual or class are NOT more similar than others: this encoder "
            f"cannot tell them apart ({of_whom})."
        )
    even = -pair.intercept / pair.slope
    sure = (math.log(SURE / (1 - SURE)) - pair.intercept) / pair.slope
    if not -1 <= even <= 1:
        return (
            f"{TWO_OF[modality]} of one individual or class are hardly more similar than others: this "
            f"encoder does not tell them apart yet (measured on {of_whom})."
        )
    surely = (
        f"from {sure:.3f} on that is {SURE:.0%} sure"
        if sure <= 1
        else f"no similarity makes that {SURE:.0%} sure"
    )
    return (
        f"{TWO_OF[modality]} with a similarity above {even:.3f} are more likely the same than not, and "
        f"{surely}, if both were equally likely before (measured on {of_whom})."
    )


def calibration_text(calibration: Calibration) -> str:
    """A line for each pair pattern, what cannot be certified, and how far all of it can be trusted."""
    rows = []
    notes = []
    refusals: dict[str, list[str]] = {}
    for pattern, pair in calibration.pairs.items():
        error = "-" if pair.error is None else pair.error.expected_calibration_error
        even = -pair.intercept / pair.slope if pair.slope > 0 else "-"
        try:
            certified = calibration.strictest_threshold(pattern=pattern)
            threshold: float | str = certified.similarity
            notes.append(
                f"{pattern}: above {certified.similarity:.3f}, at most {certified.false_match_rate:.1%} of "
                f"unknown animals are matched to one of {certified.num_gallery} individuals like these "
                f"({certified.confidence:.0%} confidence, {certified.num_units} unknown animals, several "
                "galleries)."
            )
        except CannotCertifyError as refusal:
            threshold = "no"
            refusals.setdefault(str(refusal), []).append(pattern)
        counts = (pair.num_individuals, pair.num_positive_pairs)
        rows.append((pattern, *counts, pair.method, error, even, threshold))
    notes += [f"{', '.join(patterns)}: {refusal}" for refusal, patterns in refusals.items()]
    if not calibration.is_identity_disjoint:
        notes.append(
            "These individuals (or classes) were trained on: for animals that the encoder has never seen, "
            "probabilities are too sure and thresholds too low. Calibrate on others: "
            "`fused-encoder calibrate`."
        )
    return "\n".join([f"Calibration:\n{table(rows, HEADER)}", *notes])


def write_calibration_text(
    encoder: str | Path, calibration: Calibration | None, thresholds: Mapping[str, float]
) -> Path:
    """Writes `calibration.txt` into the folder of an exported encoder; returns its path."""
    lines = [
        f"{name}: held-out files of one class are grouped best from a similarity of {value:.3f} on."
        for name, value in thresholds.items()
    ]
    text = calibration_in_short(None) if calibration is None else calibration_text(calibration)
    path = Path(encoder, TEXT_FILE)
    path.write_text("\n".join([*lines, "", text, ""]), encoding="utf-8")
    return path
