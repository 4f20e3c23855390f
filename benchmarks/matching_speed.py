"""How long one photo's comparison with a shortlist takes, of points that are stored already.

python benchmarks/matching_speed.py [--shortlist 100] [--questions 5] [--json FILE]

Photos are noise of 800 x 600 pixels, which gives the most points there may be; the store is on disk.
"""

import tempfile
from pathlib import Path

import numpy as np
from common import read_options, report, seconds

from inference.calibrate.pair_calibration import PairCalibration
from inference.index import Hit
from inference.matching import KeypointStore, MatchCalibration, RootSift, rerank
from media import save_image


def main() -> None:
    """Times `rerank`, and finding the points of one photo."""
    options = read_options(__doc__, shortlist=100, questions=5)
    features = RootSift()
    curve = PairCalibration(1.0, 0.0)
    calibration = MatchCalibration(curve, curve, features.name)
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{number}.png") for number in range(options.shortlist + 1)]
        store = KeypointStore(features, folder)
        described = []
        for path in paths:
            save_image(path, rng.integers(0, 256, (600, 800, 3), np.uint8))
            described.append(seconds(store.get, path))
        hits = [Hit(path.name, 0.5, {"image": str(path)}) for path in paths[1:]]
        taken = [
            seconds(rerank, paths[0], hits, calibration, directory=folder)
            for _ in range(options.questions)
        ]
        figures = {
            "shortlist": options.shortlist,
            "points_per_photo": float(np.mean([len(store.get(path)) for path in paths])),
            "describe_seconds": float(np.median(described)),
            "rerank_seconds": float(np.median(taken)),
            "rerank_seconds_fastest": min(taken),
        }
    report(options.json, figures)


if __name__ == "__main__":
    main()
