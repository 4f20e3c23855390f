"""How well animals are found and followed: tracklets should hold one bird each, and all of it.

python benchmarks/tracking.py [--videos 10] [--seed 0] [--json FILE]

`true_boxes`, `found_boxes` (IoU 0.4) and `detections` are of the motion detector on the eight films of the
standard aviary, over the frames that are looked at.

Films of the generated aviary, once with each bird on its own perch and once with all on one branch, where
they pass and hide one another. Detections are the motion detector's, and the true boxes as a trained
detector would give them: 3 % off, 1 in 20 missing, and hidden birds (IoU above 0.5 with one before them)
missing too. Each is followed by overlap alone (every detection to the best overlapping box), and by our
rules with appearance. Keys are `<figure>_<films>_<boxes>_<followed by>`.
"""

import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from common import Figures, read_options, report
from scipy.optimize import linear_sum_assignment

from aviary import write_videos
from aviary.layout import AMOUNTS
from individuals.video.crops import colour_appearance
from individuals.video.detection import Detection, box_iou
from individuals.video.detectors import detect_motion
from individuals.video.tracklets import link_tracklets
from media import Moment, iter_moments

CAST_SIZES = (2, 3, 2, 4, 3)
MIN_IOU = 0.4  # of a detection with the bird that it is of
HIDDEN_IOU = 0.5
HELD = 0.7  # of a bird, in a box that holds two

Follow = Callable[[Sequence[Detection], np.ndarray], list[int]]
WhoIsWhere = list[tuple[Detection, str | None]]


def main() -> None:
    """Follows the birds of each kind of film, boxes and way."""
    options = read_options(__doc__, videos=10, seed=0)
    ways: dict[str, Follow] = {
        "overlap": lambda detections, looks: follow_by_overlap(detections),
        "appearance": lambda detections, looks: link_tracklets(detections, appearances=looks),
    }
    figures: Figures = dict(sum((find(*film) for film in _films("videos", 8, 0)), Counter()))
    for kind in ("apart", "crossing"):
        films = _films(kind, options.videos, options.seed)
        for boxes, detect in (("true", _by_truth), ("motion", _by_motion)):
            for way, follow in ways.items():
                total = Counter()
                for moments, film in films:
                    total += measure(moments, detect(moments, film), follow)
                name = f"{kind}_{boxes}_{way}"
                figures[f"purity_{name}"] = total["right"] / total["sights"]
                figures[f"mixed_tracklets_{name}"] = total["mixed"]
                figures[f"tracklets_per_bird_{name}"] = total["tracklets"] / total["birds"]
    report(options.json, figures)


def find(moments: list[Moment], film: dict) -> Counter[str]:
    """True boxes, those that the motion detector finds, and all its detections."""
    detections = detect_motion(moments)
    told = Counter(detections=len(detections))
    for moment in moments:
        true = [bird["box"] for bird in film["frames"][moment.frame_index]]
        boxes = [d.box for d in detections if d.frame_index == moment.frame_index]
        told["true_boxes"] += len(true)
        if true and boxes:
            told["found_boxes"] += int((box_iou(true, boxes).max(axis=1) >= MIN_IOU).sum())
    return told


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


def measure(moments: list[Moment], found: WhoIsWhere, follow: Follow) -> Counter[str]:
    """Of one film: "right" are detections of the bird that most of their tracklet is of."""
    detections = [detection for detection, _ in found]
    frame_of = {moment.frame_index: moment.frame for moment in moments}
    looks = np.array([colour_appearance(frame_of[d.frame_index], d) for d in detections])
    birds_of: dict[int, Counter[str]] = defaultdict(Counter)
    for (_, bird), tracklet in zip(found, follow(detections, looks), strict=True):
        if bird is not None:
            birds_of[tracklet][bird] += 1
    return Counter(
        sights=sum(birds.total() for birds in birds_of.values()),
        right=sum(max(birds.values()) for birds in birds_of.values()),
        mixed=sum(len(birds) > 1 for birds in birds_of.values()),
        tracklets=len(birds_of),
        birds=len(set().union(*birds_of.values())),
    )


def _films(kind: str, num_videos: int, seed: int) -> list[tuple[list[Moment], dict]]:
    casts = AMOUNTS["standard"].cast_sizes if kind == "videos" else CAST_SIZES
    sizes = [casts[number % len(casts)] for number in range(num_videos)]
    is_crossing = kind == "crossing"
    with tempfile.TemporaryDirectory() as folder:
        told = write_videos(
            folder, cast_sizes=sizes, seed=seed, series=kind, shares_branch=is_crossing
        )
        options = {"frames_per_second": 5.0, "audio_seconds": None}
        return [
            (list(iter_moments(Path(folder) / name, **options)), film)
            for name, film in told["videos"].items()
        ]


def _by_truth(moments: list[Moment], film: dict) -> WhoIsWhere:
    """Detections as a trained detector would give them, and whom each is of."""
    rng = np.random.default_rng(0)
    found: WhoIsWhere = []
    for moment in moments:
        birds = film["frames"][moment.frame_index]
        for number, bird in enumerate(birds):
            box = np.array(bird["box"], float)
            before = [other["box"] for other in birds[number + 1 :]]  # drawn later
            is_hidden = bool(before) and box_iou([box], before).max() > HIDDEN_IOU
            if is_hidden or rng.random() < 0.05:
                continue
            box += rng.normal(0, 0.03, 4) * np.tile(box[2:] - box[:2], 2)
            detection = Detection(moment.frame_index, moment.time_seconds, tuple(box.tolist()))
            found.append((detection, bird["individual"]))
    return found


def _by_motion(moments: list[Moment], film: dict) -> WhoIsWhere:
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
