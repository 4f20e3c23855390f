"""How many of the sample aviary's birds the motion detector finds, and how many boxes are of nothing.

python benchmarks/motion_detection.py [--size standard] [--seed 0] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from aviary import write_aviary
from individuals.video.detection import box_iou
from individuals.video.detectors import detect_motion
from media import iter_moments

MIN_IOU = 0.4
FRAMES_PER_SECOND = 5.0


def main() -> None:
    """Prints one row per video and one for all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="standard", choices=("tiny", "small", "standard"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", metavar="FILE", type=Path)
    options = parser.parse_args()
    totals = {"true_boxes": 0, "found_boxes": 0, "detections": 0}
    with tempfile.TemporaryDirectory() as folder:
        aviary = write_aviary(folder, size=options.size, seed=options.seed)
        films = json.loads(aviary.truth.read_text(encoding="utf-8"))["videos"]
        print(f"{'video':<14}{'birds':>7}{'found':>7}{'boxes':>7}")
        for name, film in films.items():
            row = measure(aviary.videos / name, film["frames"])
            print(f"{name:<14}{row[0]:>7}{row[1]:>7}{row[2]:>7}")
            totals = {key: totals[key] + value for key, value in zip(totals, row, strict=True)}
    print(f"{'all':<14}" + "".join(f"{value:>7}" for value in totals.values()))
    if options.json:
        options.json.write_text(json.dumps(totals), encoding="utf-8")


def measure(video: Path, frames: list[list[dict]]) -> tuple[int, int, int]:
    """True boxes, those found at IoU 0.4, and all detections, over the frames that are looked at."""
    moments = list(iter_moments(video, frames_per_second=FRAMES_PER_SECOND, audio_seconds=None))
    detections = detect_motion(moments)
    num_true = num_found = 0
    for moment in moments:
        true = [bird["box"] for bird in frames[moment.frame_index]]
        boxes = [d.box for d in detections if d.frame_index == moment.frame_index]
        num_true += len(true)
        if true and boxes:
            num_found += int((box_iou(true, boxes).max(axis=1) >= MIN_IOU).sum())
    return num_true, num_found, len(detections)


if __name__ == "__main__":
    main()
