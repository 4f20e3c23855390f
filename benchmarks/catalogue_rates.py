"""What a catalogue says of animals that it knows, and of strangers, on made-up individuals.

python benchmarks/catalogue_rates.py [--worlds 10] [--json FILE]

Each world (`synthetic_identities.py`) has 1,000 individuals: 700 to calibrate with, 150 of whom half of the
views are in the catalogue and the others are asked about, and 150 strangers. Thresholds are calibrated for a
false match rate of 0.01 and a miss rate of 0.05, with `known_scores` of the catalogue itself and without.
Beside them what is often done: the nearest individual, if a pair so similar is more likely one than two.

Counted are animals, not views: a stranger is taken for somebody if any of its views is. All figures are means
over individuals, so that those that are seen often do not count for more.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from synthetic_identities import NOISE, make_identities  # beside this file

from individuals.catalogue import Catalogue, Identification, Thresholds
from individuals.sighting_table import SightingTable
from inference.calibrate import Calibration, fit_calibration

NUM_CALIBRATED, NUM_KNOWN = 700, 150
FALSE_MATCH_RATE, MISS_RATE = 0.01, 0.05
PATTERN = "image-image"
SAID = ("right", "wrong", "uncertain", "new")
METHODS = ("calibrated", "without_known_scores", "nearest")


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=10, help="per difficulty")
    parser.add_argument("--json", metavar="FILE", type=Path)
    options = parser.parse_args()
    figures = measure(options.worlds)
    print_figures(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def measure(num_worlds: int) -> dict[str, float]:
    """Means over worlds of all shares."""
    figures: dict[str, list[float]] = {}
    for difficulty in NOISE:
        for seed in range(num_worlds):
            for name, share in one_world(difficulty, seed).items():
                figures.setdefault(f"{difficulty}_{name}", []).append(share)
    return {name: float(np.mean(shares)) for name, shares in figures.items()}


def one_world(difficulty: str, seed: int) -> dict[str, float]:
    """Shares of what was said of known animals' views, and of strangers."""
    embeddings, labels = make_identities(10_000, 1_000, difficulty, seed=seed)
    generator = np.random.default_rng(seed)
    order = generator.permutation(1_000)
    calibrated = np.isin(labels, order[:NUM_CALIBRATED])
    is_known = np.isin(labels, order[NUM_CALIBRATED : NUM_CALIBRATED + NUM_KNOWN])
    is_stranger = ~calibrated & ~is_known
    in_catalogue = is_known & _every_other(labels)
    calibration = fit_calibration(embeddings[calibrated], labels[calibrated], seed=seed)
    found: dict[str, float] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        Catalogue.open(Path(folder) / "x.catalogue") as catalogue,
    ):
        rows = np.flatnonzero(in_catalogue)
        ids = catalogue.add_each(_table(embeddings, rows), [f"animal {labels[r]}" for r in rows])
        id_of = dict(zip(labels[rows].tolist(), ids, strict=True))
        scores = {PATTERN: catalogue.known_scores()}
        rules = {
            "calibrated": _thresholds(calibration, known_scores=scores),
            "without_known_scores": _thresholds(calibration),
            "nearest": _nearest(calibration),
        }
        for method, thresholds in rules.items():
            asked = np.flatnonzero(is_known & ~in_catalogue)
            answers = catalogue.identify(_table(embeddings, asked), thresholds)
            said = [
                _said(a, id_of[int(who)]) for a, who in zip(answers, labels[asked], strict=True)
            ]
            for word in SAID:
                is_word = np.array([one == word for one in said])
                found[f"{method}_known_{word}"] = _mean_over(labels[asked], is_word)
            strangers = np.flatnonzero(is_stranger)
            answers = catalogue.identify(_table(embeddings, strangers), thresholds)
            named = {
                int(labels[r]) for r, a in zip(strangers, answers, strict=True) if a.individual
            }
            found[f"{method}_strangers_named"] = len(named) / len(set(labels[strangers].tolist()))
            is_new = np.array([answer.status == "new" for answer in answers])
            found[f"{method}_strangers_new"] = _mean_over(labels[strangers], is_new)
    return found


def _thresholds(calibration: Calibration, **options) -> Thresholds:
    return Thresholds.calibrated(
        calibration, false_match_rate=FALSE_MATCH_RATE, miss_rate=MISS_RATE, **options
    )


def _nearest(calibration: Calibration) -> Thresholds:
    pair = calibration.pair(PATTERN)
    even = min(1.0, max(-1.0, -pair.intercept / pair.slope))
    return Thresholds.plain(known_above=even, new_below=even, margin=0.0)


def _every_other(labels: np.ndarray) -> np.ndarray:
    """The first, third, ... view of each individual."""
    seen: dict[int, int] = {}
    chosen = []
    for label in labels.tolist():
        chosen.append(seen.get(label, 0) % 2 == 0)
        seen[label] = seen.get(label, 0) + 1
    return np.array(chosen)


def _table(embeddings: np.ndarray, rows: np.ndarray) -> SightingTable:
    return SightingTable.of(embeddings[rows], [f"{row}.jpg" for row in rows])


def _said(answer: Identification, right: str) -> str:
    if answer.status != "known":
        return answer.status
    return "right" if answer.individual == right else "wrong"


def _mean_over(labels: np.ndarray, is_so: np.ndarray) -> float:
    return float(np.mean([is_so[labels == label].mean() for label in np.unique(labels)]))


def print_figures(figures: dict[str, float]) -> None:
    """A line per difficulty and method."""
    columns: Sequence[str] = (
        *(f"known_{word}" for word in SAID),
        "strangers_named",
        "strangers_new",
    )
    print(f"{'':8}{'':22}" + "".join(f"{column.replace('_', ' '):>17}" for column in columns))
    for difficulty in NOISE:
        for method in METHODS:
            shares = (figures[f"{difficulty}_{method}_{column}"] for column in columns)
            print(f"{difficulty:8}{method:22}" + "".join(f"{share:17.3f}" for share in shares))


if __name__ == "__main__":
    main()
