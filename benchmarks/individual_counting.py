"""How well individuals are counted and grouped, against the published and the usual ways.

Parts, each with its own known truth:

- `synthetic`: drawn embeddings of 1,000 identities at three difficulties (`synthetic_identities.py`). The
  rule is calibrated on 200 other identities of another draw, whose centres lie in other directions.
- `coverage`: how often the 95 % interval of a count holds the truth, by the number of individuals, for one
  video and for three: footages of 1 to 36 individuals, 24 (or 60) others known, in new worlds each.
- `aviary`: the sample aviary's held-out videos, and more videos of the same birds. The encoder is trained as
  in the demo, or given by --encoder. What is counted are the tracklets that `count_individuals` finds.
- `nyala`: photos of 60 real antelopes (FUSED_ENCODER_DATA), halved by individual: one half calibrates, the
  other is counted; embeddings are MobileNetV2's features (FUSED_ENCODER_WEIGHTS), brought to 128 numbers by
  the calibrating half.
- `speed`: 200,000 synthetic embeddings by average linkage, seconds and peak memory in a process of their own.

    python benchmarks/individual_counting.py --json counting.json
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from synthetic_identities import make_identities

from individuals.footage import IndividualCount, group_videos
from individuals.group import group_individuals
from inference.calibrate import Calibration
from inference.calibrate.grouping_rule import fit_grouping_rule
from inference.metrics import bcubed, grouping_metrics

PARTS = ("synthetic", "coverage", "aviary", "nyala", "speed")
DIFFICULTIES = ("easy", "medium", "hard")
SIZES = ((1, 3), (4, 8), (9, 16), (17, 36))
PUBLISHED_DISTANCE = 0.5
NOBODY = "nobody"
COLUMNS = (
    "bcubed_f1",
    "bcubed_precision",
    "bcubed_recall",
    "adjusted_rand_index",
    "adjusted_mutual_information",
    "count_error",
)


def main() -> None:
    """Runs the parts, prints tables, writes one flat JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--seeds", type=int, default=3, help="draws, or halvings, of each kind")
    parser.add_argument("--worlds", type=int, default=40, help="of coverage, of each kind")
    parser.add_argument("--encoder", help="an exported encoder for the aviary's videos")
    parser.add_argument("--folder", help="where the aviary goes and is found again")
    parser.add_argument("--more", type=int, default=32, help="more videos of the aviary's birds")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--time-one", metavar="NPY", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.time_one:
        return _time_one(options.time_one)
    results: dict[str, float] = {}
    if "synthetic" in options.only:
        results |= synthetic(options.seeds)
    if "coverage" in options.only:
        results |= coverage(options.worlds)
    if "aviary" in options.only:
        results |= aviary(options.folder, options.encoder, options.more)
    if "nyala" in options.only:
        results |= nyala(options.seeds)
    if "speed" in options.only:
        results |= speed()
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1), encoding="utf-8")
    return None


# --- the ways of grouping


def greedy(embeddings: np.ndarray) -> np.ndarray:
    """The published count: the first known row nearer than 0.5 (Euclidean), else a new individual."""
    known: list[np.ndarray] = []
    labels = []
    for row in embeddings:
        distances = np.linalg.norm(np.array(known) - row, axis=1) if known else np.empty(0)
        near = np.flatnonzero(distances < PUBLISHED_DISTANCE)
        labels.append(int(near[0]) if len(near) else len(known))
        if not len(near):
            known.append(row)
    return np.array(labels)


def hdbscan(embeddings: np.ndarray) -> np.ndarray:
    """HDBSCAN, smallest group 2; what it calls noise is a group of one, as an animal seen once is."""
    from sklearn.cluster import HDBSCAN

    if len(embeddings) < 3:
        return np.arange(len(embeddings))
    labels = HDBSCAN(min_cluster_size=2, metric="euclidean", copy=True).fit_predict(embeddings)
    alone = labels < 0
    labels[alone] = labels.max() + 1 + np.arange(alone.sum())
    return labels


def agglomerative(embeddings: np.ndarray, threshold: float) -> np.ndarray:
    """Average linkage of all rows at once, without constraints or tracklets."""
    return group_individuals(embeddings, threshold=threshold).labels


def baselines(embeddings: np.ndarray, threshold: float) -> dict[str, np.ndarray]:
    """Every other way."""
    return {
        "greedy (distance < 0.5, published)": greedy(embeddings),
        "HDBSCAN": hdbscan(embeddings),
        "agglomerative, no constraints": agglomerative(embeddings, threshold),
    }


# --- synthetic identities


def synthetic(num_seeds: int) -> dict[str, float]:
    """10,000 embeddings of 1,000 identities; the rule knows 2,000 of 200 others."""
    results: dict[str, float] = {}
    for difficulty in DIFFICULTIES:
        rule = fit_grouping_rule(*make_identities(2000, 200, difficulty, seed=1000))
        calibration = Calibration(None, groupings={"image": rule})
        rows: dict[str, list[dict[str, float]]] = {}
        inside = []
        for seed in range(num_seeds):
            embeddings, truth = make_identities(10_000, 1000, difficulty, seed=seed)
            found = group_videos(embeddings, ["all"] * len(embeddings), calibration=calibration)
            inside.append(found.interval.low <= 1000 <= found.interval.high)
            ways = {"ours": found.labels} | baselines(embeddings, rule.threshold)
            for name, labels in ways.items():
                rows.setdefault(name, []).append(grouping_metrics(truth, labels))
        means = _print_table(f"synthetic, {difficulty}", rows)
        errors = [abs(row["count_error"]) / 1000 for row in rows["ours"]]
        results |= {
            f"count_error_{difficulty}": float(np.mean(errors)),
            f"count_error_largest_{difficulty}": float(max(errors)),
            f"bcubed_f1_{difficulty}": means["ours"]["bcubed_f1"],
            f"best_baseline_bcubed_f1_{difficulty}": _best_baseline(means),
            f"interval_coverage_{difficulty}": float(np.mean(inside)),
        }
    return results


# --- small footages


def coverage(num_worlds: int, num_footages: int = 40) -> dict[str, float]:
    """The share of intervals that hold the true number, by that number, with its interval over worlds."""
    results: dict[str, float] = {}
    for difficulty, num_known, num_videos in (
        *((difficulty, 24, 1) for difficulty in DIFFICULTIES),
        ("hard", 60, 1),
        ("hard", 24, 3),
    ):
        worlds = [
            _footages(difficulty, num_known, num_videos, 500 + world, num_footages)
            for world in range(num_worlds)
        ]
        name = f"{difficulty}_{num_known}_known_{num_videos}_videos"
        claimed = [footage for world in worlds for footage in world if footage[1] is not None]
        share = len(claimed) / sum(map(len, worlds))
        print(
            f"\n{difficulty}, {num_known} known, {num_videos} videos: {share:.2f} have 95 % intervals"
        )
        results[f"interval_share_{name}"] = share
        for low, high in ((1, 36), *SIZES):
            shares = [
                np.mean(held)
                for world in worlds
                if (
                    held := [
                        is_held for n, is_held in world if is_held is not None and low <= n <= high
                    ]
                )
            ]
            if len(shares) > 1:
                margin = 1.96 * np.std(shares, ddof=1) / np.sqrt(len(shares))
                print(f"  {low:2} to {high:2} individuals: {np.mean(shares):.3f} ± {margin:.3f}")
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
    rule = fit_grouping_rule(embeddings[is_known], who[is_known])
    calibration = Calibration(None, groupings={"image": rule})
    told: list[tuple[int, bool | None]] = []
    for _ in range(num_footages):
        cast = rng.permutation(names[num_known:])[: int(np.exp(rng.uniform(0, np.log(36.99))))]
        seen = np.flatnonzero(np.isin(who, cast) & (rng.random(len(who)) < rng.uniform(0.3, 1)))
        if len(seen):
            videos = rng.integers(0, num_videos, len(seen)).tolist()
            interval = group_videos(embeddings[seen], videos, calibration=calibration).interval
            num_true = len(np.unique(who[seen]))
            is_held = interval.low <= num_true <= interval.high
            told.append((num_true, is_held if interval.confidence else None))
    return told


# --- the aviary's videos


@dataclass(frozen=True)
class Film:
    """What was seen in some videos, and who it was."""

    embeddings: np.ndarray
    videos: list[str]
    tracklets: list[int]
    truth: np.ndarray
    found: IndividualCount
    true_counts: Mapping[str, int]


def aviary(folder: str | None, encoder: str | None, num_more: int) -> dict[str, float]:
    """The held-out videos, and more of the same birds."""
    from aviary import write_videos
    from inference import Embedder

    place = Path(folder or tempfile.mkdtemp(prefix="aviary_"))
    exported = Path(encoder) if encoder else _train(place)
    embedder = Embedder.load(exported)
    calibration = embedder.calibration
    if calibration is None or "image" not in calibration.groupings:
        raise SystemExit(f"The encoder '{exported}' has no calibration of counts; export it again.")
    results: dict[str, float] = {}
    standard = _watch(place / "aviary" / "videos", embedder)
    results |= _count_films("", "the 8 held-out videos", standard, calibration)
    if num_more:
        more = place / "more_videos"
        if not (more / "truth.json").is_file():
            write_videos(more, cast_sizes=([1, 2, 3, 4] * num_more)[:num_more])
        results |= _count_films(
            "_more", f"{num_more} more videos", _watch(more, embedder), calibration
        )
    return results


def _train(place: Path) -> Path:
    from app.demo import aviary_material, demo_options, run_demo

    if not (place / "encoder").is_dir():
        material = aviary_material(place, "standard", 0)
        run_demo(material, place, demo_options(material, None, 0))
    return place / "encoder"


def _watch(directory: Path, embedder: object) -> Film:
    from app.demo_count import sighting_labels
    from individuals import count_individuals

    told = json.loads((directory / "truth.json").read_text("utf-8"))["videos"]
    videos = {str(directory / name): film for name, film in told.items()}
    counted = count_individuals(list(videos), embedder)  # type: ignore[arg-type]
    truth, _ = sighting_labels(counted, videos)
    return Film(
        np.asarray(counted.table.embeddings),
        [sighting.media for sighting in counted.table.sightings],
        [sighting.tracklet for sighting in counted.table.sightings],
        np.array(truth),
        counted.count,
        {video: film["count"] for video, film in videos.items()},
    )


def _count_films(suffix: str, title: str, film: Film, calibration: Calibration) -> dict[str, float]:
    rule = calibration.groupings["image"]
    ways = {"ours": film.found.labels} | baselines(film.embeddings, rule.threshold)
    means = _print_table(
        f"aviary, {title}",
        {name: [grouping_metrics(film.truth, labels)] for name, labels in ways.items()},
    )
    exact = {name: _exact_share(film, labels) for name, labels in ways.items()}
    num_true = len({who for who in film.truth.tolist() if not who.startswith(NOBODY)})
    covered = [
        film.found.intervals[video].low <= number <= film.found.intervals[video].high
        for video, number in film.true_counts.items()
    ]
    interval = film.found.interval
    print(f"exact counts of videos: {', '.join(f'{n} {s:.2f}' for n, s in exact.items())}")
    print(
        f"all videos: {film.found.num_individuals} found, interval {interval}, {num_true} true; "
        f"{sum(covered)} of {len(covered)} videos' numbers inside their interval"
    )
    return {
        f"exact_count_share{suffix}": exact["ours"],
        f"bcubed_f1{suffix}": means["ours"]["bcubed_f1"],
        f"best_baseline_bcubed_f1{suffix}": _best_baseline(means),
        f"interval_coverage{suffix}": float(np.mean(covered)),
        f"total_found{suffix}": float(film.found.num_individuals),
        f"total_true{suffix}": float(num_true),
        f"total_low{suffix}": float(interval.low),
        f"total_high{suffix}": float(interval.high),
    }


def _exact_share(film: Film, labels: np.ndarray) -> float:
    videos = np.array(film.videos)
    return float(
        np.mean(
            [
                len(np.unique(labels[videos == video])) == number
                for video, number in film.true_counts.items()
            ]
        )
    )


# --- real antelopes


def nyala(num_seeds: int) -> dict[str, float]:
    """Individuals halved: one half calibrates, the other is counted."""
    from calibration import nyala_rows  # beside this file

    photos = nyala_rows()
    if photos is None:
        raise SystemExit(
            "The nyalas need FUSED_ENCODER_DATA and FUSED_ENCODER_WEIGHTS; see --only."
        )
    features, who = photos.embeddings, photos.individual
    rows: dict[str, list[dict[str, float]]] = {}
    inside, found_share = [], []
    for seed in range(num_seeds):
        rng = np.random.default_rng(seed)
        names = rng.permutation(np.unique(who))
        known = np.isin(who, names[: len(names) // 2])
        embeddings = _to_128(features, features[known])
        rule = fit_grouping_rule(embeddings[known], who[known])
        calibration = Calibration(None, groupings={"image": rule})
        truth = who[~known]
        found = group_videos(embeddings[~known], ["all"] * len(truth), calibration=calibration)
        num_true = len(np.unique(truth))
        inside.append(found.interval.low <= num_true <= found.interval.high)
        found_share.append(found.num_individuals / num_true)
        ways = {"ours": found.labels} | baselines(embeddings[~known], rule.threshold)
        for name, labels in ways.items():
            rows.setdefault(name, []).append(grouping_metrics(truth, labels))
        print(
            f"halves {seed}: {found.num_individuals} found, interval {found.interval}, {num_true} true"
        )
    means = _print_table("nyala, ids in two halves", rows)
    return {
        "nyala_bcubed_f1": means["ours"]["bcubed_f1"],
        "nyala_best_baseline_bcubed_f1": _best_baseline(means),
        "nyala_found_over_true": float(np.mean(found_share)),
        "nyala_interval_coverage": float(np.mean(inside)),
    }


def _to_128(features: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Principal components of the known half's features, unit length."""

    def unit(rows: np.ndarray) -> np.ndarray:
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    middle = unit(known).mean(axis=0)
    _, _, axes = np.linalg.svd(unit(known) - middle, full_matrices=False)
    return unit((unit(features) - middle) @ axes[:128].T)


# --- speed


def speed() -> dict[str, float]:
    """Average linkage of 1,000 and of 200,000 embeddings, each in a process of its own that only groups."""
    results = {}
    for num, name in ((1000, "1k"), (200_000, "200k")):
        embeddings, truth = make_identities(num, num // 10, "medium", seed=0)
        with tempfile.TemporaryDirectory() as folder:
            np.save(Path(folder, "embeddings.npy"), embeddings)
            command = [sys.executable, __file__, "--time-one", folder]
            run = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
            told = json.loads(run.stdout)
            f1 = bcubed(truth, np.load(Path(folder, "labels.npy"))).f1
        results |= {f"group_seconds_{name}": told["seconds"], f"group_gib_{name}": told["gib"]}
        print(
            f"{num:,} embeddings: {told['seconds']:.1f} s, {told['gib']:.2f} GiB in the whole process, "
            f"{told['found']:,} groups of {num // 10:,}, B-cubed F1 {f1:.3f}"
        )
    return results


def _time_one(folder: str) -> None:
    embeddings = np.load(Path(folder, "embeddings.npy"))
    started = time.perf_counter()
    found = group_individuals(embeddings, threshold=0.54)
    seconds = time.perf_counter() - started
    np.save(Path(folder, "labels.npy"), found.labels)
    gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"seconds": seconds, "gib": gib, "found": found.num_individuals}))


# --- tables


def _print_table(
    title: str, rows: Mapping[str, Sequence[Mapping[str, float]]]
) -> dict[str, dict[str, float]]:
    """Prints means over draws; returns them."""
    means = {
        name: {column: float(np.mean([row[column] for row in each])) for column in each[0]}
        for name, each in rows.items()
    }
    print(f"\n{title}")
    print(f"{'':36}" + "".join(f"{column[:16]:>18}" for column in COLUMNS))
    for name, row in means.items():
        print(f"{name:36}" + "".join(f"{row[column]:18.3f}" for column in COLUMNS))
    return means


def _best_baseline(means: Mapping[str, Mapping[str, float]]) -> float:
    return max(row["bcubed_f1"] for name, row in means.items() if name != "ours")


if __name__ == "__main__":
    main()
