"""How often a photo of an individual finds it again: embeddings, local matching, and both, calibrated.

python benchmarks/photo_individuals.py [--splits 10] [--store DIR] [--json FILE]

`nyala_individuals`: 60 nyalas, 606 photos of left and right flanks, split by encounter (seeds 0 to 9, a
quarter of each individual's encounters asks). All individuals are in the gallery. Every third individual (by
name) was used to choose side length, number of points, reach and fusion, and to fit the calibrations: its
photos do not ask. P@1 by photo, mean over all splits, with 95 % bootstrap intervals over encounters.

- `raw`: frozen MobileNetV2 features, the mean of eight views; `local`: shared points alone, on a shortlist
  of 50; `fused`: both, calibrated. `trained`: features whitened within the gallery's individuals that ask.
  `nyala_p1` is `same_fused_p1`: on the individuals that were chosen on, whitening did not raise it.
- `same_`: gallery photos of the query's flank only.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from common import Figures, data_folder, read_options, report, unit_length, weights_folder

from fused_encoder.photo import prepare_photo
from inference.matching import (
    KeypointStore,
    RootSift,
    fit_match_calibration,
    match,
    match_shortlist,
)
from inference.metrics.bootstrap import bootstrap_interval
from media import load_image
from training import recommended_encoder
from training.floors import frozen_image_features
from triplets import LabelledFiles, scan_folders, source_by_pattern, split_by_source

SHORTLIST = 50
NUM_DIRECTIONS, RIDGE = 256, 0.2  # of whitening


@dataclass(frozen=True, eq=False)
class Photos:
    """All photos; rows of all arrays are theirs."""

    files: object  # LabelledFiles
    paths: list[Path]
    who: np.ndarray
    encounter: np.ndarray
    flank: np.ndarray
    is_chosen_on: np.ndarray
    raw: np.ndarray
    points: list


def main() -> None:
    """Measures all ways of asking, over the splits."""
    options = read_options(__doc__, splits=10, store=Path)
    match._nearest = cache(match._nearest)  # the same pairs come up in several splits
    photos = read_photos(options.store)
    asked = [ask(photos, seed, known_pairs(photos)) for seed in range(options.splits)]
    report(options.json, figures(photos, asked))


def read_photos(store: Path | None) -> Photos:
    """The photos with their features and points, kept in the store."""
    files = scan_nyalas()
    paths = [file.path for file in files.images]
    kept = store and store / "frozen_features.npy"
    if kept and kept.is_file():
        raw = np.load(kept)
    else:
        raw = frozen_image_features(recommended_encoder())(
            [prepare_photo(load_image(p)) for p in paths]
        )
        if kept:
            np.save(kept, raw)
    points = KeypointStore(RootSift(), store)
    return labelled(files, raw, [points.get(path) for path in paths])


def scan_nyalas() -> LabelledFiles:
    """All photos, by individual and encounter."""
    weights_folder()
    source_of = source_by_pattern(r"(\d+)_[^_]*$")
    return scan_folders(data_folder("nyala_individuals"), None, source_of=source_of)


def labelled(files: LabelledFiles, raw: np.ndarray, points: list) -> Photos:
    """The photos with what their names tell."""
    paths = [file.path for file in files.images]
    who = np.array([files.class_names[file.class_index] for file in files.images])
    flank = np.array([re.search("(left|right)photo", path.name)[1] for path in paths])
    encounter = np.array([file.source for file in files.images])
    is_chosen_on = np.isin(who, sorted(files.class_names)[::3])
    return Photos(files, paths, who, encounter, flank, is_chosen_on, raw, points)


def shortlist(photos: Photos, query: int, known: np.ndarray, features: np.ndarray, same: bool):
    """The nearest of the known photos, of other encounters."""
    allowed = photos.encounter[known] != photos.encounter[query]
    if same:
        allowed &= photos.flank[known] == photos.flank[query]
    known = known[allowed]
    return known[np.argsort(-(features[known] @ features[query]), kind="stable")[:SHORTLIST]]


def all_local_scores(photos: Photos, asking: np.ndarray, near_of: list) -> list[np.ndarray]:
    """What each query shares with each photo of its shortlist."""

    def scores(query: int, near: np.ndarray) -> np.ndarray:
        found = match_shortlist(photos.points[query], [photos.points[row] for row in near])
        return np.array([one.score for one in found])

    with ThreadPoolExecutor() as threads:  # NumPy and OpenCV leave Python meanwhile
        return list(threads.map(scores, asking, near_of))


@cache
def known_pairs(photos: Photos) -> dict[bool, tuple[np.ndarray, ...]]:
    """Pairs of the individuals that were chosen on, of any flank and of one: rows, rows, local scores."""
    known = np.flatnonzero(photos.is_chosen_on)
    pairs = {}
    for same in (False, True):
        near_of = [shortlist(photos, query, known, photos.raw, same) for query in known[::2]]
        local = np.concatenate(all_local_scores(photos, known[::2], near_of))
        first = np.repeat(known[::2], [len(near) for near in near_of])
        pairs[same] = (first, np.concatenate(near_of), local)
    return pairs


def ask(photos: Photos, seed: int, pairs: dict) -> dict[str, np.ndarray]:
    """Of one split: the rows that asked, and for each way whether the answer was right."""
    gallery, queries = split_by_source(photos.files, seed=seed)
    row_of = {path: row for row, path in enumerate(photos.paths)}
    known = np.array([row_of[file.path] for file in gallery.images])
    asking = np.array([row_of[file.path] for file in queries.images])
    asking = asking[~photos.is_chosen_on[asking]]
    trained = whitened(photos, known[~photos.is_chosen_on[known]])
    hits: dict[str, list[bool]] = {}
    for name, features, same in (
        ("", photos.raw, False),
        ("same_", photos.raw, True),
        ("trained_same_", trained, True),
    ):
        first, second, local = pairs[same]
        similarity = np.sum(features[first] * features[second], axis=1)
        is_same = photos.who[first] == photos.who[second]
        calibration = fit_match_calibration(similarity, local, is_same, features=RootSift().name)
        near_of = [shortlist(photos, query, known, features, same) for query in asking]
        local_of = all_local_scores(photos, asking, near_of)
        for query, near, local in zip(asking, near_of, local_of, strict=True):
            similarity = features[near] @ features[query]
            ways = {
                "raw": similarity,
                "local": local,
                "fused": calibration.probability(similarity, local),
            }
            for way, scores in ways.items():
                is_right = photos.who[near[np.argmax(scores)]] == photos.who[query]
                hits.setdefault(name + way, []).append(is_right)
    print(seed, {way: round(float(np.mean(each)), 3) for way, each in hits.items()}, flush=True)
    return {"row": asking} | {way: np.array(each, float) for way, each in hits.items()}


def whitened(photos: Photos, known: np.ndarray) -> np.ndarray:
    """All features, where the differences between photos of one individual's flank are of one size."""
    centre = photos.raw[known].mean(axis=0)
    directions = np.linalg.svd(photos.raw[known] - centre, full_matrices=False)[2][:NUM_DIRECTIONS]
    turned = (photos.raw - centre) @ directions.T
    names = [
        f"{who} {flank}" for who, flank in zip(photos.who[known], photos.flank[known], strict=True)
    ]
    within = np.zeros((turned.shape[1],) * 2)
    for name in set(names):
        rows = known[np.array(names) == name]
        apart = turned[rows] - turned[rows].mean(axis=0)
        within += apart.T @ apart / len(known)
    within += RIDGE * np.trace(within) / len(within) * np.eye(len(within))
    return unit_length(turned @ np.linalg.cholesky(np.linalg.inv(within)))


def figures(photos: Photos, asked: list[dict[str, np.ndarray]]) -> Figures:
    """P@1 of each way, and what fusion adds, with intervals."""
    joined = {way: np.concatenate([each[way] for each in asked]) for way in asked[0]}
    encounter = photos.encounter[joined.pop("row")]
    ways = {way.replace("trained_same_raw", "trained_same"): hits for way, hits in joined.items()}
    found: Figures = {"queries": len(encounter), "encounters": len(np.unique(encounter))}
    for way, hits in ways.items():
        found[f"{way}_p1"], found[f"{way}_low"], found[f"{way}_high"] = interval(hits, encounter)
    for more, less in (
        ("fused", "raw"),
        ("same_fused", "same_raw"),
        ("trained_same_fused", "trained_same"),
    ):
        each = interval(ways[more] - ways[less], encounter)
        found |= {
            f"{more}_minus_{less}{end}": value
            for end, value in zip(("", "_low", "_high"), each, strict=True)
        }
    return found | {"nyala_raw_p1": found["raw_p1"], "nyala_p1": found["same_fused_p1"]}


def interval(values: np.ndarray, encounter: np.ndarray) -> tuple[float, float, float]:
    """The mean over photos, and its 95 % bootstrap interval over encounters."""
    return float(values.mean()), *bootstrap_interval(values, encounter)


if __name__ == "__main__":
    main()
