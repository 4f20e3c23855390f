"""What a catalogue says of animals that it knows, and of others, on made-up individuals.

python benchmarks/catalogue_rates.py [--worlds 10] [--json FILE]

Each world (`synthetic_identities.py`) has 1,000 individuals: 700 to calibrate with, 150 of whom half of the
views are in the catalogue and the others are asked about, and 150 unknown ones. Thresholds are for a maximum
false-match rate of 0.01 and a miss rate of 0.05, with `known_scores` of the catalogue itself and without.
Beside them what is often done: the nearest individual, if a pair so similar is more likely one than two.

Counted are animals, not views: an unknown animal is named if any of its views is. All figures are means
over individuals, so that those that are seen often do not count for more.
"""

from __future__ import annotations

import argparse
import json
import tempfile
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
COLUMNS = (*(f"known_{word}" for word in SAID), "unknown_named", "unknown_new")


def main() -> None:
    """Prints a line per difficulty and method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=10, help="per difficulty")
    parser.add_argument("--json", metavar="FILE", type=Path)
    options = parser.parse_args()
    figures = measure(options.worlds)
    print(f"{'':30}" + "".join(f"{column.replace('_', ' '):>17}" for column in COLUMNS))
    for difficulty in NOISE:
        for method in METHODS:
            shares = (figures[f"{difficulty}_{method}_{column}"] for column in COLUMNS)
            print(f"{difficulty:8}{method:22}" + "".join(f"{share:17.3f}" for share in shares))
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
    """Shares of what was said of known animals' views, and of unknown animals."""
    embeddings, labels = make_identities(10_000, 1_000, difficulty, seed=seed)
    group = np.random.default_rng(seed).permutation(1_000).argsort()[labels]
    calibrated, is_unknown = group < NUM_CALIBRATED, group >= NUM_CALIBRATED + NUM_KNOWN
    is_known = ~calibrated & ~is_unknown
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
        rules = (
            _thresholds(calibration, known_scores=scores),
            _thresholds(calibration),
            _nearest(calibration),
        )
        for method, thresholds in zip(METHODS, rules, strict=True):
            for kind, asked in (("known", is_known & ~in_catalogue), ("unknown", is_unknown)):
                chosen = np.flatnonzero(asked)
                answers = catalogue.identify(_table(embeddings, chosen), thresholds)
                whose = labels[chosen]
                said = np.array(
                    [_said(a, id_of.get(w)) for a, w in zip(answers, whose.tolist(), strict=True)]
                )
                for word in SAID:
                    found[f"{method}_{kind}_{word}"] = _mean_over(whose, said == word)
                named = np.unique(whose[said == "wrong"])
                found[f"{method}_{kind}_named"] = len(named) / len(np.unique(whose))
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
    chosen = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        chosen[np.flatnonzero(labels == label)[::2]] = True
    return chosen


def _table(embeddings: np.ndarray, rows: np.ndarray) -> SightingTable:
    return SightingTable.of(embeddings[rows], [f"{row}.jpg" for row in rows])


def _said(answer: Identification, right: str | None) -> str:
    if answer.status != "known":
        return answer.status
    return "right" if answer.individual == right else "wrong"


def _mean_over(labels: np.ndarray, is_so: np.ndarray) -> float:
    return float(np.mean([is_so[labels == label].mean() for label in np.unique(labels)]))


if __name__ == "__main__":
    main()
