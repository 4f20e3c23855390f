"""Whether calibrated probabilities are true, and whether certified thresholds keep their promise.

python benchmarks/calibration.py [--trials 200] [--json FILE]

Probabilities: fitted on 200 made-up individuals, asked about the pairs of 600 others of the same world
(`synthetic_identities.py`). "Uncalibrated" is (1 + similarity) / 2.

Thresholds: each trial is a new world with 200 individuals that certify a threshold for a false-match rate of
0.05, and 3,600 unknown ones that tell its true rate in another gallery of the same size. How often that is
above the target should be at most 5 % (95 % confidence), also where 2 % of the individuals look plain
(similar to everybody). Beside it the lowest threshold that no more than 5 % of the unknown individuals were
seen to pass ("observed"), or of the pairs of different individuals ("pairs").

Nyalas, where data and weights are there: pooled features of MobileNetV2, fitted on half of the individuals,
asked about the others, in 30 splits. Photos of one encounter are one source.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from common import Figures, data_folder, mean_of, read_options, report, unit_length, weights_folder
from scipy.stats import binomtest
from synthetic_identities import NOISE, make_identities

from inference.calibrate import (
    Calibration,
    calibration_error,
    certify_threshold,
    fit_calibration,
)
from inference.calibrate.certified import UnknownScores
from inference.calibrate.samples import Rows, draw_galleries, sample_pairs, unknown_scores

TARGET, CONFIDENCE = 0.05, 0.95
METHODS = ("certified", "observed", "pairs")
ERRORS = {"ece": "expected_calibration_error", "brier": "brier_score", "log_loss": "log_loss"}
WORLDS = {**{name: (name, 0.0) for name in NOISE}, "medium_plain": ("medium", 0.02)}


def main() -> None:
    """Measures drawn individuals, and nyalas where they are."""
    options = read_options(__doc__, trials=200)
    figures = measure_probabilities(num_worlds=5) | measure_thresholds(options.trials)
    nyalas = nyala_rows()
    if nyalas is not None:
        figures |= measure_nyalas(nyalas, num_splits=30)
    report(options.json, figures)


def measure_probabilities(num_worlds: int) -> Figures:
    """Errors of the probabilities of pairs of individuals that were not fitted on, means over worlds."""
    worlds = []
    for seed in range(num_worlds):
        worlds.append({})
        for difficulty in NOISE:
            rows = image_rows(*make_identities(8_000, 800, difficulty, seed=seed))
            fitted = np.random.default_rng([seed, 1]).permutation(800)[:200]
            is_fitted = np.isin(rows.individual, fitted)
            calibration = fit_calibration(rows.embeddings[is_fitted], rows.individual[is_fitted])
            worlds[-1] |= _errors(calibration, _subset(rows, ~is_fitted), difficulty)
    return mean_of(worlds)


def measure_thresholds(num_trials: int) -> Figures:
    """How often the true false-match rate is above the target, and its mean, by each way."""
    figures: Figures = {"target_false_match_rate": TARGET, "trials": num_trials}
    num_above = 0
    for number, (name, (difficulty, plain_share)) in enumerate(WORLDS.items()):
        trials = [
            _true_rates(difficulty, plain_share, seed)
            for seed in range(number * num_trials, (number + 1) * num_trials)
        ]
        for method in METHODS:
            rates = np.array([trial[method] for trial in trials])
            figures[f"violation_share_{method}_{name}"] = float(np.mean(rates > TARGET))
            figures[f"true_rate_{method}_{name}"] = float(np.mean(rates))
        num_above += sum(trial["certified"] > TARGET for trial in trials)
    violations = binomtest(num_above, num_trials * len(WORLDS))
    interval = violations.proportion_ci(0.95)
    return figures | {
        "false_match_violation_share": float(violations.statistic),
        "false_match_violation_share_low": float(interval.low),
        "false_match_violation_share_high": float(interval.high),
    }


def measure_nyalas(rows: Rows, num_splits: int) -> Figures:
    """Errors of probabilities, and the thresholds that can be certified, on real individuals."""
    splits = []
    num = int(rows.individual.max()) + 1
    for seed in range(num_splits):
        fitted = np.random.default_rng(seed).permutation(num)[: num // 2]
        is_fitted = np.isin(rows.individual, fitted)
        known = _subset(rows, is_fitted)
        calibration = fit_calibration(
            known.embeddings, known.individual, sources=known.source, seed=seed
        )
        (is_in_gallery,) = draw_galleries(
            known.individual, share=0.5, num=1, rng=np.random.default_rng([seed, 1])
        )
        strangers = _strangers(known, is_in_gallery=is_in_gallery)
        certified = certify_threshold(strangers.scores, 0.2, CONFIDENCE, strangers.num_gallery)
        gallery, others = np.flatnonzero(is_fitted)[is_in_gallery], np.flatnonzero(~is_fitted)
        asked = _subset(rows, np.concatenate([gallery, others]))
        tried = _strangers(asked, is_in_gallery=np.arange(len(asked.individual)) < len(gallery))
        splits.append(
            _errors(calibration, _subset(rows, ~is_fitted), "nyala")
            | {
                "nyala_strangers": certified.num_units,
                "nyala_threshold_at_0.2": certified.similarity,
                "nyala_realised_rate_at_0.2": _share_above(tried.scores, certified.similarity),
            }
        )
    return mean_of(splits)


def _strangers(rows: Rows, *, is_in_gallery: np.ndarray) -> UnknownScores:
    return unknown_scores(rows, "image", "image", unit=rows.individual, is_in_gallery=is_in_gallery)


def nyala_rows() -> Rows | None:
    """Pooled MobileNetV2 features of the nyalas' photos, or None where data or weights are missing."""
    from fused_encoder import LogMelFeatures
    from fused_encoder.weights import MissingWeightsError
    from training import recommended_encoder
    from training.floors import frozen_image_features
    from triplets import FeatureStore, prepare_media
    from triplets.folders import scan_folders

    data = data_folder("nyala_individuals")
    if not data.is_dir():
        return None
    weights_folder()
    try:
        describe = frozen_image_features(recommended_encoder(photo_views="one"))
    except MissingWeightsError:
        return None
    folders = scan_folders(data, min_sources_per_class=1)
    with tempfile.TemporaryDirectory() as folder:
        store = FeatureStore(folder)
        media = prepare_media(folders, LogMelFeatures(), store=store, progress=False)
        embeddings = describe([np.array(file.feature()) for file in media.images])
    encounters = [file.path.name.split("_")[0] for file in media.images]
    rows = image_rows(embeddings, np.array([file.class_index for file in media.images]))
    return replace(rows, source=np.unique(encounters, return_inverse=True)[1])


def _true_rates(difficulty: str, plain_share: float, seed: int) -> Figures:
    """The false-match rate in another gallery at the threshold of each way, in one new world."""
    embeddings, labels = make_identities(6_000, 4_000, difficulty, seed=seed)
    rng = np.random.default_rng([seed, 1])  # another stream than the world's own
    for individual in np.flatnonzero(rng.random(4_000) < plain_share):
        rows = np.flatnonzero(labels == individual)
        alike = np.argsort(embeddings @ embeddings[rows[0]])[-200:]
        middle = unit_length(embeddings[alike].mean(axis=0))
        embeddings[rows] = unit_length(middle + 0.3 * embeddings[rows])
    part = np.searchsorted([200, 300], rng.permutation(4_000), side="right")[labels]
    known, gallery, unknown = (np.flatnonzero(part == number) for number in range(3))
    calibration = fit_calibration(embeddings[known], labels[known], seed=seed, max_pairs=2_000)
    scores = calibration.pair().unknowns
    similarity = embeddings[known] @ embeddings[known].T
    thresholds = {
        "certified": scores.certify(TARGET, CONFIDENCE).similarity,
        "observed": _observed(np.array(scores.scores)),
        "pairs": _observed(similarity[labels[known][:, None] < labels[known]]),
    }
    best = np.full(4_000, -1.0)
    np.maximum.at(best, labels[unknown], (embeddings[unknown] @ embeddings[gallery].T).max(axis=1))
    others = best[np.unique(labels[unknown])]
    return {method: _share_above(others, at) for method, at in thresholds.items()}


def _share_above(scores: Sequence[float] | np.ndarray, threshold: float) -> float:
    return float(np.mean(np.asarray(scores) > threshold))


def _observed(scores: np.ndarray) -> float:
    """The lowest score that no more than the target's share of the scores is above."""
    return float(np.sort(scores)[len(scores) - 1 - int(TARGET * len(scores))])


def _errors(calibration: Calibration, others: Rows, name: str) -> Figures:
    """Errors of the probabilities of pairs of others, calibrated and not."""
    rng = np.random.default_rng(0)
    pairs = sample_pairs(others, "image", "image", max_pairs=200_000, rng=rng)
    ways = {
        "": calibration.probability(pairs.similarity),
        "uncalibrated_": (1 + pairs.similarity) / 2,
    }
    return {
        f"{prefix}{short}_{name}": getattr(error, field)
        for prefix, probability in ways.items()
        for error in [calibration_error(probability, pairs.is_same, pairs.weight)]
        for short, field in ERRORS.items()
    }


def image_rows(embeddings: np.ndarray, labels: np.ndarray) -> Rows:
    """Photos, each a source of its own."""
    return Rows(embeddings, labels, np.arange(len(labels)), np.full(len(labels), "image"))


def _subset(rows: Rows, keep: np.ndarray) -> Rows:
    parts = (rows.embeddings, rows.individual, rows.source, rows.modality)
    return Rows(*(part[keep] for part in parts))


if __name__ == "__main__":
    main()
