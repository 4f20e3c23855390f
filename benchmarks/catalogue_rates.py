"""What a catalogue says of animals that it knows, and of others, on made-up individuals.

python benchmarks/catalogue_rates.py [--worlds 10] [--json FILE]

Each world (`synthetic_identities.py`) has 1,000 individuals: 700 to calibrate with, 150 of whom half of the
views are in the catalogue and the others are asked about, and 150 unknown ones. Thresholds are for a
false-match rate of 0.01 and a miss rate of 0.05, with `known_scores` of the catalogue itself. "Nearest" names
the nearest individual if a pair so similar is more likely one animal than two. All figures are means over
individuals; an unknown animal counts as named if any of its views is.
"""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from common import Figures, mean_of, read_options, report
from synthetic_identities import NOISE, make_identities

from individuals.catalogue import Catalogue, Identification, Thresholds
from individuals.sighting_table import SightingTable
from inference.calibrate import Calibration, fit_calibration

PATTERN = "image-image"
SAID = ("right", "wrong", "uncertain", "new")


def main() -> None:
    """Takes the means over worlds."""
    options = read_options(__doc__, worlds=10)
    figures: Figures = {}
    for difficulty in NOISE:
        worlds = [one_world(difficulty, seed) for seed in range(options.worlds)]
        figures |= {f"{difficulty}_{name}": mean for name, mean in mean_of(worlds).items()}
    report(options.json, figures)


def one_world(difficulty: str, seed: int) -> Figures:
    """Shares of what was said of known animals' views, and of unknown animals."""
    embeddings, labels = make_identities(10_000, 1_000, difficulty, seed=seed)
    group = np.random.default_rng(seed).permutation(1_000).argsort()[labels]
    calibrated, is_unknown = group < 700, group >= 850
    is_known = ~calibrated & ~is_unknown
    in_catalogue = is_known & (pd.Series(labels).groupby(labels).cumcount() % 2 == 0).to_numpy()
    calibration = fit_calibration(embeddings[calibrated], labels[calibrated], seed=seed)
    found: Figures = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        Catalogue.open(Path(folder) / "x.catalogue") as catalogue,
    ):
        rows = np.flatnonzero(in_catalogue)
        ids = catalogue.add_each(_table(embeddings, rows), [f"animal {labels[r]}" for r in rows])
        id_of = dict(zip(labels[rows].tolist(), ids, strict=True))
        rules = {
            "calibrated": Thresholds.calibrated(
                calibration,
                false_match_rate=0.01,
                miss_rate=0.05,
                known_scores={PATTERN: catalogue.known_scores()},
            ),
            "nearest": _nearest(calibration),
        }
        for method, thresholds in rules.items():
            for kind, asked in (("known", is_known & ~in_catalogue), ("unknown", is_unknown)):
                chosen = np.flatnonzero(asked)
                answers = catalogue.identify(_table(embeddings, chosen), thresholds)
                whose = labels[chosen]
                said = pd.Series(
                    [_said(a, id_of.get(w)) for a, w in zip(answers, whose.tolist(), strict=True)]
                )
                for word in SAID:
                    shares = (said == word).groupby(whose).mean()
                    found[f"{method}_{kind}_{word}"] = float(shares.mean())
                is_named = (said == "wrong").groupby(whose).any()
                found[f"{method}_{kind}_named"] = float(is_named.mean())
    return found


def _nearest(calibration: Calibration) -> Thresholds:
    pair = calibration.pair(PATTERN)
    even = min(1.0, max(-1.0, -pair.intercept / pair.slope))
    return Thresholds.plain(known_above=even, new_below=even, margin=0.0)


def _table(embeddings: np.ndarray, rows: np.ndarray) -> SightingTable:
    return SightingTable.of(embeddings[rows], [f"{row}.jpg" for row in rows])


def _said(answer: Identification, right: str | None) -> str:
    if answer.status != "known":
        return answer.status
    return "right" if answer.individual == right else "wrong"


if __name__ == "__main__":
    main()
