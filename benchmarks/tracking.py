"""How well animals are followed: whether tracklets hold one bird each, and in how many pieces a bird is.

python benchmarks/tracking.py [--videos 10] [--seed 0] [--json FILE]

Films of the generated aviary, once with each bird on its own perch and once with all on one branch, where
they pass and hide one another. Detections are the motion detector's, and the true boxes as a trained
detector would give them: 3 % off, 1 in 20 missing, and hidden birds (IoU above 0.5 with one before them)
missing too. Each is followed by overlap alone (every detection to the best overlapping box, as before), by
our rules without appearance, and with it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from aviary import write_videos
from individuals.video.crops import colour_appearance
from individuals.video.detection import Detection, box_iou
from individuals.video.detectors import detect_motion
from individuals.video.tracklets import link_tracklets
from media import Moment, iter_moments

FRAMES_PER_SECOND = 5.0
CAST_SIZES = (2, 3, 2, 4, 3)
MIN_IOU = 0.4  # of a detection with the bird that it is of
HIDDEN_IOU = 0.5
HELD = 0.7  # of a bird, in a box that holds two

Follow = Callable[[Sequence[Detection], np.ndarray], list[int]]


@dataclass(frozen=True)
class Followed:
    """What came out for some films.

    Args:
        num_sights: detections of one bird.
        num_right: those that are of the bird that most of their tracklet is of.
        num_mixed: tracklets of several birds.
        num_tracklets: all.
        num_birds: in each film, added up.
    """

    num_sights: int = 0
    num_right: int = 0
    num_mixed: int = 0
    num_tracklets: int = 0
    num_birds: int = 0

    def __add__(self, other: Followed) -> Followed:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Followed(*(one + two for one, two in pairs))


def main() -> None:
    """Prints a table, and writes its figures if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=int, default=10, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", metavar="FILE", type=Path)
    options = parser.parse_args()
    figures: dict[str, float] = {}
    ways: dict[str, Follow] = {
        "overlap": lambda detections, looks: follow_by_overlap(detections),
        "clear": lambda detections, looks: link_tracklets(detections),
        "appearance": lambda detections, looks: link_tracklets(detections, appearances=looks),
    }
    print(f"{'films':<10}{'boxes':<10}{'followed by':<13}purity  mixed  tracklets  per bird")
    for kind in ("apart", "crossing"):
        films = list(_films(kind, options.videos, options.seed))
        for boxes in ("true", "motion"):
            for way, follow in ways.items():
                total = Followed()
                for moments, truth in films:
                    total += _measure(moments, truth, boxes, follow)
                name = f"{kind}_{boxes}_{way}"
                figures[f"purity_{name}"] = total.num_right / total.num_sights
                figures[f"mixed_tracklets_{name}"] = total.num_mixed
                figures[f"tracklets_per_bird_{name}"] = total.num_tracklets / total.num_birds
                print(
                    f"{kind:<10}{boxes:<10}{way:<13}{figures[f'purity_{name}']:.4f}"
                    f"{total.num_mixed:>7}{total.num_tracklets:>11}"
                    f"{figures[f'tracklets_per_bird_{name}']:>10.2f}"
                )
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def follow_by_overlap(detections: Sequence[Detection], min_iou: float = 0.3) -> list[int]:
    """The baseline: Hungarian assignment by overlap, whatever else may be near."""
    tracklets = [-1] * len(detections)
    frames = sorted({d.frame_index for d in detections})
    gap = 3 * min(np.diff(frames), default=1)
    last: list[int] = []  # the latest detection of each tracklet
    for frame in frames:
        here = [n for n, d in enumerate(detections) if d.frame_index == frame]
        alive = [t for t, n in enumerate(last) if frame - detections[n].frame_index <= gap]
        overlap = box_iou(
            [detections[last[t]].box for t in alive], [detections[n].box for n in here]
        )
        overlap[overlap < min_iou] = 0
        for row, column in zip(*linear_sum_assignment(overlap, maximize=True), strict=True):
            if overlap[row, column] > 0:
                tracklets[here[column]] = alive[row]
                last[alive[row]] = here[column]
        for number in here:
            if tracklets[number] < 0:
                tracklets[number] = len(last)
                last.append(number)
    return tracklets


def _films(kind: str, num_videos: int, seed: int) -> list[tuple[list[Moment], dict]]:
    with tempfile.TemporaryDirectory() as folder:
        sizes = [CAST_SIZES[number % len(CAST_SIZES)] for number in range(num_videos)]
        truth = write_videos(
            folder, cast_sizes=sizes, seed=seed, series=kind, shares_branch=kind == "crossing"
        )
        options = {"frames_per_second": FRAMES_PER_SECOND, "audio_seconds": None}
        return [
            (list(iter_moments(Path(folder) / name, **options)), film)
            for name, film in truth["videos"].items()
        ]


def _measure(moments: list[Moment], film: dict, boxes: str, follow: Follow) -> Followed:
    found = _by_motion(moments, film) if boxes == "motion" else _by_truth(moments, film)
    detections = [detection for detection, _ in found]
    frame_of = {moment.frame_index: moment.frame for moment in moments}
    looks = np.array([colour_appearance(frame_of[d.frame_index], d) for d in detections])
    birds_of: dict[int, list[str]] = defaultdict(list)
    for (_, bird), tracklet in zip(found, follow(detections, looks), strict=True):
        if bird is not None:
            birds_of[tracklet].append(bird)
    return Followed(
        sum(map(len, birds_of.values())),
        sum(Counter(birds).most_common(1)[0][1] for birds in birds_of.values()),
        sum(len(set(birds)) > 1 for birds in birds_of.values()),
        len(birds_of),
        len({bird for birds in birds_of.values() for bird in birds}),
    )


def _by_truth(moments: list[Moment], film: dict) -> list[tuple[Detection, str | None]]:
    """Detections as a trained detector would give them, and whom each is of."""
    rng = np.random.default_rng(0)
    found: list[tuple[Detection, str | None]] = []
    for moment in moments:
        birds = film["frames"][moment.frame_index]
        for number, bird in enumerate(birds):
            box = np.array(bird["box"], float)
            before = [other["box"] for other in birds[number + 1 :]]  # drawn later
            is_hidden = bool(before) and box_iou([box], before).max() > HIDDEN_IOU
            if is_hidden or rng.random() < 0.05:
                continue
            box += rng.normal(0, 0.03, 4) * np.tile(box[2:] - box[:2], 2)
            left, top, right, bottom = box.tolist()
            detection = Detection(
                moment.frame_index, moment.time_seconds, (left, top, right, bottom)
            )
            found.append((detection, bird["individual"]))
    return found


def _by_motion(moments: list[Moment], film: dict) -> list[tuple[Detection, str | None]]:
    """What the motion detector finds, and whom each box is of; None for nobody and for two in one box."""
    return [(d, _bird(d, film["frames"][d.frame_index])) for d in detect_motion(moments)]


def _bird(detection: Detection, birds: list[dict]) -> str | None:
    if not birds:
        return None
    boxes, box = np.array([bird["box"] for bird in birds], float), np.array(detection.box)
    shared = (np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2])).clip(0)
    held = shared.prod(axis=1) / (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    overlap = box_iou([detection.box], boxes)[0]
    is_of_one = overlap.max() >= MIN_IOU and (held >= HELD).sum() < 2
    return birds[int(overlap.argmax())]["individual"] if is_of_one else None


if __name__ == "__main__":
    main()
