"""Whether calibrated probabilities are true, and whether certified thresholds keep their promise.

python benchmarks/calibration.py [--trials 200] [--json FILE]

Probabilities: fitted on 200 made-up individuals, asked about the pairs of 600 others of the same world
(`synthetic_identities.py`). Beside them a probability that nobody calibrated, (1 + similarity) / 2.

Thresholds: in each trial a new world, and 200 individuals to calibrate with, of whom a threshold for a
false-match rate of 0.05 is made. 3,600 unknown individuals tell its true rate, with a gallery of the
calibration and with another one of the same size, as a catalogue is. Counted is how often that is above the
target, which 95 % confidence allows in 5 % of the trials. Also in worlds where 2 % of the individuals look
plain: similar to everybody. Beside it two common ways: the lowest threshold that no more than 5 % of the
unknown individuals were seen to pass, and the one that no more than 5 % of the pairs of different
individuals pass.

Real animals: nyalas, where the data and weights are there (FUSED_ENCODER_DATA, default ../shared/data;
FUSED_ENCODER_WEIGHTS): pooled features of MobileNetV2, fitted on half of the individuals, asked about the
others, in 30 splits. Photos of one encounter are one source.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from scipy.stats import binomtest
from synthetic_identities import NOISE, make_identities  # beside this file

from inference.calibrate import (
    CalibrationError,
    CannotCertifyError,
    calibration_error,
    certify_threshold,
    fit_calibration,
)
from inference.calibrate.certified import UnknownScores
from inference.calibrate.samples import Rows, draw_galleries, sample_pairs, unknown_scores

SHARED = Path(__file__).resolve().parents[2] / "shared"
TARGET, CONFIDENCE = 0.05, 0.95
NUM_WORLDS = 5
NUM_NYALA_SPLITS = 30
METHODS = ("certified", "one_gallery", "observed", "pairs")
PLAIN_SHARE = 0.02
WORLDS = (*((difficulty, 0.0) for difficulty in NOISE), ("medium", PLAIN_SHARE))


def main() -> None:
    """Prints a table of probabilities and one of thresholds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=200, help="of thresholds, per difficulty")
    parser.add_argument("--json", metavar="FILE", type=Path)
    options = parser.parse_args()
    figures = measure_probabilities(NUM_WORLDS) | measure_thresholds(options.trials)
    nyalas = nyala_rows()
    if nyalas is not None:
        figures |= measure_nyalas(nyalas, NUM_NYALA_SPLITS)
    print_figures(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def measure_probabilities(num_worlds: int) -> dict[str, float]:
    """Errors of the probabilities of pairs of individuals that were not fitted on, means over worlds."""
    figures = {}
    for difficulty in NOISE:
        errors: dict[str, list[CalibrationError]] = {"": [], "uncalibrated_": []}
        for seed in range(num_worlds):
            rows = _rows(*make_identities(8_000, 800, difficulty, seed=seed))
            fitted = np.random.default_rng([seed, 1]).permutation(800)[:200]
            is_fitted = np.isin(rows.individual, fitted)
            calibration = fit_calibration(rows.embeddings[is_fitted], rows.individual[is_fitted])
            pairs = _pairs(_subset(rows, ~is_fitted))
            for name, probability in (
                ("", calibration.probability(pairs.similarity)),
                ("uncalibrated_", (1 + pairs.similarity) / 2),
            ):
                errors[name].append(calibration_error(probability, pairs.is_same, pairs.weight))
        for name, of_worlds in errors.items():
            figures |= _means(of_worlds, f"{name}{{}}_{difficulty}")
    return figures


def measure_thresholds(num_trials: int) -> dict[str, float]:
    """How often the true false-match rate is above the target, and its mean, by each way.

    Args:
        num_trials: int >= 1, of each kind of world.
    """
    figures: dict[str, float] = {"target_false_match_rate": TARGET, "trials": num_trials}
    certified: list[float] = []
    for number, (difficulty, plain_share) in enumerate(WORLDS):
        name = f"{difficulty}_plain" if plain_share else difficulty
        trials = [
            _true_rates(difficulty, plain_share, seed)
            for seed in range(number * num_trials, (number + 1) * num_trials)
        ]
        for method in METHODS:
            rates = np.array([trial[method] for trial in trials])
            figures[f"violation_share_{method}_{name}"] = float(np.mean(rates > TARGET))
            figures[f"true_rate_{method}_{name}"] = float(np.mean(rates))
        certified += [trial["certified"] for trial in trials]
    num_above = int(np.sum(np.array(certified) > TARGET))
    violations = binomtest(num_above, len(certified)).proportion_ci(0.95)
    return figures | {
        "false_match_violation_share": num_above / len(certified),
        "false_match_violation_share_low": float(violations.low),
        "false_match_violation_share_high": float(violations.high),
    }


def measure_nyalas(rows: Rows, num_splits: int) -> dict[str, float]:
    """Errors of probabilities, and the thresholds that can be certified, on real individuals.

    Args:
        rows: of all individuals.
        num_splits: int >= 1, into halves.
    """
    errors: dict[str, list[CalibrationError]] = {"": [], "uncalibrated_": []}
    rates, thresholds, num_units = [], [], []
    num = int(rows.individual.max()) + 1
    for seed in range(num_splits):
        fitted = np.random.default_rng(seed).permutation(num)[: num // 2]
        is_fitted = np.isin(rows.individual, fitted)
        known = _subset(rows, is_fitted)
        calibration = fit_calibration(
            known.embeddings, known.individual, sources=known.source, seed=seed
        )
        pairs = _pairs(_subset(rows, ~is_fitted))
        for name, probability in (
            ("", calibration.probability(pairs.similarity)),
            ("uncalibrated_", (1 + pairs.similarity) / 2),
        ):
            errors[name].append(calibration_error(probability, pairs.is_same, pairs.weight))
        (is_in_gallery,) = draw_galleries(
            known.individual, share=0.5, num=1, rng=np.random.default_rng([seed, 1])
        )
        strangers = _strangers(known, is_in_gallery)
        certified = certify_threshold(strangers.scores, 0.2, CONFIDENCE, strangers.num_gallery)
        gallery, others = np.flatnonzero(is_fitted)[is_in_gallery], np.flatnonzero(~is_fitted)
        asked = _subset(rows, np.concatenate([gallery, others]))
        tried = _strangers(asked, np.arange(len(asked.individual)) < len(gallery))
        thresholds.append(certified.similarity)
        num_units.append(certified.num_units)
        rates.append(float(np.mean(np.array(tried.scores) > certified.similarity)))
    return {
        **_means(errors[""], "{}_nyala"),
        **_means(errors["uncalibrated_"], "uncalibrated_{}_nyala"),
        "nyala_strangers": float(np.mean(num_units)),
        "nyala_threshold_at_0.2": float(np.mean(thresholds)),
        "nyala_realised_rate_at_0.2": float(np.mean(rates)),
    }


def _strangers(rows: Rows, is_in_gallery: np.ndarray) -> UnknownScores:
    found = unknown_scores(
        rows, "image", "image", unit=rows.individual, is_in_gallery=is_in_gallery
    )
    if found is None:
        raise ValueError("Expected photos of several encounters, received too few.")
    return found


def nyala_rows() -> Rows | None:
    """Pooled MobileNetV2 features of the nyalas' photos, or None where data or weights are missing."""
    from fused_encoder.weights import MissingWeightsError
    from training import recommended_encoder
    from training.floors import frozen_image_features
    from triplets import FeatureStore, prepare_media
    from triplets.folders import scan_any_folders

    data = Path(os.environ.get("FUSED_ENCODER_DATA", SHARED / "data")) / "nyala_individuals"
    if not data.is_dir():
        return None
    try:
        describe = frozen_image_features(recommended_encoder(photo_views="one"))
    except MissingWeightsError:
        return None
    if describe is None:
        raise ValueError("Expected a frozen backbone, received one that is trained.")
    with tempfile.TemporaryDirectory() as folder:
        media = prepare_media(
            scan_any_folders(data), _no_sound, store=FeatureStore(folder), progress=False
        )
        embeddings = describe([np.array(file.feature()) for file in media.images])
    encounters = [file.path.name.split("_")[0] for file in media.images]
    return Rows(
        embeddings,
        np.array([file.class_index for file in media.images]),
        np.unique(encounters, return_inverse=True)[1],
        np.full(len(encounters), "image"),
    )


def print_figures(figures: dict[str, float]) -> None:
    """Two tables."""
    worlds = [name for name in (*NOISE, "nyala") if f"ece_{name}" in figures]
    print(
        f"{'probabilities':<14}{'error':>8}{'Brier':>8}{'log loss':>10}{'uncalibrated error':>20}"
    )
    for name in worlds:
        raw = figures[f"uncalibrated_ece_{name}"]
        print(
            f"{name:<14}{figures[f'ece_{name}']:>8.4f}{figures[f'brier_{name}']:>8.4f}"
            f"{figures[f'log_loss_{name}']:>10.4f}{raw:>20.3f}"
        )
    print(f"\n{'thresholds at ' + str(TARGET):<26}{'true rate':>10}{'above the target in':>22}")
    for name in (*NOISE, "medium_plain"):
        for method in METHODS:
            rate = figures[f"true_rate_{method}_{name}"]
            share = figures[f"violation_share_{method}_{name}"]
            print(f"{name + ', ' + method:<26}{rate:>10.3f}{share:>22.3f}")
    print(
        f"certified, all: above the target in {figures['false_match_violation_share']:.3f} of the trials "
        f"({figures['false_match_violation_share_low']:.3f} to "
        f"{figures['false_match_violation_share_high']:.3f}), allowed are {1 - CONFIDENCE:.2f}"
    )
    if "nyala_strangers" in figures:
        print(
            f"nyalas: {figures['nyala_strangers']:.0f} strangers certify 0.2 at a similarity of "
            f"{figures['nyala_threshold_at_0.2']:.3f}; others pass it at a rate of "
            f"{figures['nyala_realised_rate_at_0.2']:.3f}"
        )


def _true_rates(difficulty: str, plain_share: float, seed: int) -> dict[str, float]:
    """The false-match rate in another gallery at the threshold of each way, in one new world."""
    embeddings, labels = make_identities(6_000, 4_000, difficulty, seed=seed)
    rng = np.random.default_rng([seed, 1])  # another stream than the world's own
    for individual in np.flatnonzero(rng.random(4_000) < plain_share):
        rows = np.flatnonzero(labels == individual)
        alike = np.argsort(embeddings @ embeddings[rows[0]])[-200:]
        middle = embeddings[alike].mean(axis=0)
        views = middle / np.linalg.norm(middle) + 0.3 * embeddings[rows]
        embeddings[rows] = views / np.linalg.norm(views, axis=1, keepdims=True)
    part = np.searchsorted([200, 300], rng.permutation(4_000), side="right")[labels]
    known, gallery, unknown = (np.flatnonzero(part == number) for number in range(3))
    calibration = fit_calibration(embeddings[known], labels[known], seed=seed, max_pairs=2_000)
    scores = calibration.pair().unknowns
    if scores is None:
        raise CannotCertifyError("There are no unknown individuals in this world.")
    similarity = embeddings[known] @ embeddings[known].T
    thresholds = {
        "certified": scores.certify(TARGET, CONFIDENCE).similarity,
        "one_gallery": certify_threshold(scores.scores, TARGET, CONFIDENCE).similarity,
        "observed": _observed(np.array(scores.scores)),
        "pairs": _observed(similarity[labels[known][:, None] < labels[known]]),
    }
    best = np.full(4_000, -1.0)
    np.maximum.at(best, labels[unknown], (embeddings[unknown] @ embeddings[gallery].T).max(axis=1))
    others = best[np.unique(labels[unknown])]
    return {method: float(np.mean(others > at)) for method, at in thresholds.items()}


def _observed(scores: np.ndarray) -> float:
    """The lowest score that no more than the target's share of the scores is above."""
    return float(np.sort(scores)[len(scores) - 1 - int(TARGET * len(scores))])


def _means(errors: Sequence[CalibrationError], name: str) -> dict[str, float]:
    fields = {"ece": "expected_calibration_error", "brier": "brier_score", "log_loss": "log_loss"}
    return {
        name.format(short): float(np.mean([getattr(error, field) for error in errors]))
        for short, field in fields.items()
    }


def _rows(embeddings: np.ndarray, labels: np.ndarray) -> Rows:
    return Rows(embeddings, labels, np.arange(len(labels)), np.full(len(labels), "image"))


def _subset(rows: Rows, keep: np.ndarray) -> Rows:
    parts = (rows.embeddings, rows.individual, rows.source, rows.modality)
    return Rows(*(part[keep] for part in parts))


def _pairs(rows: Rows):
    return sample_pairs(rows, "image", "image", max_pairs=200_000, rng=np.random.default_rng(0))


def _no_sound(waveform: np.ndarray) -> tuple[None, np.ndarray, None]:
    """In YAMNet's place, where there is nothing to hear."""
    num_frames = 1 + max(0, len(waveform) - 15_360) // 7_680
    return None, np.zeros((num_frames, 1024), np.float32), None


if __name__ == "__main__":
    main()
