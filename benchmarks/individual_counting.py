"""How well individuals are counted and grouped, against the published and the usual ways.

python benchmarks/individual_counting.py [--only PART ...] [--seeds 3] [--worlds 40] [--json FILE]
                                         [--encoder DIR] [--folder DIR] [--more 32]

- `synthetic`: drawn embeddings of 1,000 identities at three difficulties (`synthetic_identities.py`). The
  rule is calibrated on 200 other identities of another draw, whose centres lie in other directions.
- `coverage`: how often the 95 % interval of a count holds the truth, by the number of individuals, for one
  video and for three: footages of 1 to 36 individuals, 24 (or 60) others known, in new worlds each.
- `aviary`: the sample aviary's held-out videos, and --more videos of the same birds, as `count_individuals`
  counts them. The encoder is trained as in the demo (in --folder, and found there again), or --encoder.
- `nyala`: photos of 60 real antelopes, halved by individual: one half calibrates, the other is counted;
  MobileNetV2's features, brought to 128 numbers by the calibrating half.
- `speed`: 200,000 synthetic embeddings by average linkage, seconds and peak memory in a process of their own.
"""

import json
import tempfile
import time
from pathlib import Path

import common
import numpy as np
from common import Figures, alone, mean_of, print_table, unit_length
from synthetic_identities import NOISE, make_identities

from individuals.footage import IndividualCount, group_videos
from individuals.group import group_individuals
from inference.calibrate import Calibration
from inference.calibrate.grouping_rule import fit_grouping_rule
from inference.metrics import bcubed, grouping_metrics

SIZES = ((1, 36), (1, 3), (4, 8), (9, 16), (17, 36))
COVERED = (*((name, 24, 1) for name in NOISE), ("hard", 60, 1), ("hard", 24, 3))
PUBLISHED_DISTANCE = 0.5


def main() -> None:
    """Measures the parts."""
    parts = {
        "synthetic": lambda: synthetic(options.seeds),
        "coverage": lambda: coverage(options.worlds),
        "aviary": lambda: aviary(options.folder, options.encoder, options.more),
        "nyala": lambda: nyala(options.seeds),
        "speed": speed,
    }
    options = common.read_options(
        __doc__, only=tuple(parts), seeds=3, worlds=40, encoder=Path, folder=Path, more=32
    )
    results: Figures = {}
    for part in options.only:
        results |= parts[part]()
    common.report(options.json, results)


def greedy(embeddings: np.ndarray) -> np.ndarray:
    """The published count: the first known row nearer than 0.5 (Euclidean), else a new individual."""
    known: list[np.ndarray] = []
    labels = []
    for row in embeddings:
        distances = np.linalg.norm(np.reshape(known, (-1, len(row))) - row, axis=1)
        is_near = np.append(distances < PUBLISHED_DISTANCE, True)
        labels.append(int(is_near.argmax()))
        known += [row] if labels[-1] == len(known) else []
    return np.array(labels)


def hdbscan(embeddings: np.ndarray) -> np.ndarray:
    """HDBSCAN, smallest group 2; what it calls noise is a group of one, as an animal seen once is."""
    from sklearn.cluster import HDBSCAN

    labels = HDBSCAN(min_cluster_size=2, metric="euclidean", copy=True).fit_predict(embeddings)
    is_alone = labels < 0
    labels[is_alone] = labels.max() + 1 + np.arange(is_alone.sum())
    return labels


def calibrated(embeddings: np.ndarray, who: np.ndarray) -> Calibration:
    """A calibration of counts, learnt from known individuals."""
    return Calibration(None, groupings={"image": fit_grouping_rule(embeddings, who)})


class Draws:
    """Counts of several draws, by every way."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Figures]] = {}
        self.is_inside: list[bool] = []
        self.found_share: list[float] = []

    def add(self, embeddings: np.ndarray, truth: np.ndarray, calibration: Calibration) -> None:
        """Counts a draw, all of it as one video."""
        found = group_videos(embeddings, ["all"] * len(embeddings), calibration=calibration)
        self.compare(found, embeddings, truth, calibration)
        num_true = len(np.unique(truth))
        self.is_inside.append(holds(found.interval, num_true))
        self.found_share.append(found.num_individuals / num_true)

    def compare(
        self, found: IndividualCount, embeddings: np.ndarray, truth: np.ndarray, calibration
    ) -> dict[str, np.ndarray]:
        """Adds a draw that was counted; gives the labels of each way."""
        threshold = calibration.groupings["image"].threshold
        ways = {
            "ours": found.labels,
            "greedy (distance < 0.5, published)": greedy(embeddings),
            "HDBSCAN": hdbscan(embeddings),
            "agglomerative, no constraints": group_individuals(
                embeddings, threshold=threshold
            ).labels,
        }
        for way, labels in ways.items():
            self.rows.setdefault(way, []).append(grouping_metrics(truth, labels))
        return ways

    def tell(self, title: str, key: str) -> Figures:
        """Prints the means; gives B-cubed F1 of ours and of the best other way, under keys with {}."""
        means = {way: mean_of(rows) for way, rows in self.rows.items()}
        print_table(title, means)
        f1 = {way: row["bcubed_f1"] for way, row in means.items()}
        ours, best = f1.pop("ours"), max(f1.values())
        return {key.format("bcubed_f1"): ours, key.format("best_baseline_bcubed_f1"): best}


def holds(interval, number: int) -> bool:
    """Whether an interval holds a number."""
    return interval.low <= number <= interval.high


def synthetic(num_seeds: int) -> Figures:
    """10,000 embeddings of 1,000 identities; the rule knows 2,000 of 200 others."""
    results: Figures = {}
    for difficulty in NOISE:
        calibration = calibrated(*make_identities(2000, 200, difficulty, seed=1000))
        draws = Draws()
        for seed in range(num_seeds):
            draws.add(*make_identities(10_000, 1000, difficulty, seed=seed), calibration)
        errors = [abs(share - 1) for share in draws.found_share]
        results |= draws.tell(f"synthetic, {difficulty}", f"{{}}_{difficulty}") | {
            f"count_error_{difficulty}": float(np.mean(errors)),
            f"interval_coverage_{difficulty}": float(np.mean(draws.is_inside)),
        }
    return results


def coverage(num_worlds: int, num_footages: int = 40) -> Figures:
    """The share of intervals that hold the true number, by that number, with its interval over worlds."""
    results: Figures = {}
    for difficulty, num_known, num_videos in COVERED:
        worlds = [
            _footages(difficulty, num_known, num_videos, 500 + world, num_footages)
            for world in range(num_worlds)
        ]
        name = f"{difficulty}_{num_known}_known_{num_videos}_videos"
        told = [is_held is not None for world in worlds for _, is_held in world]
        results[f"interval_share_{name}"] = float(np.mean(told))
        for low, high in SIZES:
            held = [
                [is_held for num, is_held in world if is_held is not None and low <= num <= high]
                for world in worlds
            ]
            shares = [np.mean(each) for each in held if each]
            if len(shares) > 1:
                margin = 1.96 * np.std(shares, ddof=1) / np.sqrt(len(shares))
                results[f"interval_coverage_{name}_{low}_to_{high}"] = float(np.mean(shares))
                results[f"interval_coverage_{name}_{low}_to_{high}_margin"] = float(margin)
    return results


def _footages(
    difficulty: str, num_known: int, num_videos: int, seed: int, num_footages: int
) -> list[tuple[int, bool | None]]:
    """Of each footage of a world the true number, and whether the interval holds it; None without one."""
    num = num_known + 36
    embeddings, who = make_identities(8 * num, num, difficulty, seed=seed)
    rng = np.random.default_rng([seed, 1])
    names = rng.permutation(num)
    is_known = np.isin(who, names[:num_known])
    calibration = calibrated(embeddings[is_known], who[is_known])
    told: list[tuple[int, bool | None]] = []
    for _ in range(num_footages):
        cast = rng.permutation(names[num_known:])[: int(np.exp(rng.uniform(0, np.log(36.99))))]
        seen = np.flatnonzero(np.isin(who, cast) & (rng.random(len(who)) < rng.uniform(0.3, 1)))
        if len(seen):
            videos = rng.integers(0, num_videos, len(seen)).tolist()
            interval = group_videos(embeddings[seen], videos, calibration=calibration).interval
            num_true = len(np.unique(who[seen]))
            told.append((num_true, holds(interval, num_true) if interval.confidence else None))
    return told


def aviary(folder: Path | None, encoder: Path | None, num_more: int) -> Figures:
    """The held-out videos, and more of the same birds."""
    from app.demo import aviary_material, demo_options, run_demo
    from aviary import write_videos
    from inference import Embedder

    place = folder or Path(tempfile.mkdtemp(prefix="aviary_"))
    if encoder is None and not (place / "encoder").is_dir():
        material = aviary_material(place, "standard", 0)
        run_demo(material, place, demo_options(material, None, 0))
    embedder = Embedder.load(encoder or place / "encoder")
    if embedder.calibration is None or "image" not in embedder.calibration.groupings:
        raise SystemExit("The encoder has no calibration of counts; export it again.")
    results = _count_films("", place / "aviary" / "videos", embedder)
    if num_more:
        more = place / "more_videos"
        if not (more / "truth.json").is_file():
            write_videos(more, cast_sizes=([1, 2, 3, 4] * num_more)[:num_more])
        results |= _count_films("_more", more, embedder)
    return results


def _count_films(suffix: str, directory: Path, embedder) -> Figures:
    from app.demo_count import sighting_labels
    from individuals import count_individuals

    told = json.loads((directory / "truth.json").read_text("utf-8"))["videos"]
    films = {str(directory / name): film for name, film in told.items()}
    counted = count_individuals(list(films), embedder)
    truth = np.array(sighting_labels(counted, films)[0])
    found, embeddings = counted.count, np.asarray(counted.table.embeddings)
    video_of = np.array([sighting.media for sighting in counted.table.sightings])
    draws = Draws()
    ways = draws.compare(found, embeddings, truth, embedder.calibration)
    f1 = draws.tell(f"aviary, {len(films)} videos", f"{{}}{suffix}")
    exact = {
        way: [
            len(np.unique(labels[video_of == video])) == film["count"]
            for video, film in films.items()
        ]
        for way, labels in ways.items()
    }
    print_table("exact counts", {way: {"videos": sum(each)} for way, each in exact.items()})
    covered = [holds(found.intervals[video], film["count"]) for video, film in films.items()]
    return f1 | {
        f"exact_count_share{suffix}": float(np.mean(exact["ours"])),
        f"interval_coverage{suffix}": float(np.mean(covered)),
        f"total_found{suffix}": int(found.num_individuals),
        f"total_true{suffix}": sum(not who.startswith("nobody") for who in set(truth.tolist())),
        f"total_low{suffix}": int(found.interval.low),
        f"total_high{suffix}": int(found.interval.high),
    }


def nyala(num_seeds: int) -> Figures:
    """Individuals halved: one half calibrates, the other is counted."""
    from calibration import nyala_rows  # beside this file

    photos = nyala_rows()
    if photos is None:
        raise SystemExit("No nyalas in FUSED_ENCODER_DATA, or no weights; see --only.")
    who, draws = photos.individual, Draws()
    features = unit_length(photos.embeddings)
    for seed in range(num_seeds):
        names = np.random.default_rng(seed).permutation(np.unique(who))
        known = np.isin(who, names[: len(names) // 2])
        middle = features[known].mean(axis=0)
        _, _, axes = np.linalg.svd(features[known] - middle, full_matrices=False)
        embeddings = unit_length((features - middle) @ axes[:128].T)  # principal components
        calibration = calibrated(embeddings[known], who[known])
        draws.add(embeddings[~known], who[~known], calibration)
    return draws.tell("nyala, ids in two halves", "nyala_{}") | {
        "nyala_found_over_true": float(np.mean(draws.found_share)),
        "nyala_interval_coverage": float(np.mean(draws.is_inside)),
    }


def speed() -> Figures:
    """Average linkage of 1,000 and of 200,000 embeddings, each in a process of its own that only groups."""
    results: Figures = {}
    for num, name in ((1000, "1k"), (200_000, "200k")):
        embeddings, truth = make_identities(num, num // 10, "medium", seed=0)
        taken, gib, labels = alone(_group_alone, embeddings)
        results |= {f"group_seconds_{name}": taken, f"group_gib_{name}": gib}
        results[f"group_bcubed_f1_{name}"] = bcubed(truth, labels).f1
    return results


def _group_alone(embeddings: np.ndarray) -> tuple[float, float, np.ndarray]:
    start = time.perf_counter()
    found = group_individuals(embeddings, threshold=0.54)
    return time.perf_counter() - start, common.peak_bytes() / 2**30, found.labels


if __name__ == "__main__":
    main()
