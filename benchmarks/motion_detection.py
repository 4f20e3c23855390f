"""How many of the sample aviary's birds the motion detector finds, and how many boxes are of nothing.

python benchmarks/motion_detection.py [--size standard] [--seed 0] [--json FILE]
"""

import json
import tempfile
from pathlib import Path

from common import Figures, read_options, report

from aviary import write_aviary
from individuals.video.detection import box_iou
from individuals.video.detectors import detect_motion
from media import iter_moments

MIN_IOU = 0.4


def main() -> None:
    """Adds up the videos."""
    options = read_options(__doc__, size="standard", seed=0)
    with tempfile.TemporaryDirectory() as folder:
        aviary = write_aviary(folder, size=options.size, seed=options.seed)
        films = json.loads(aviary.truth.read_text(encoding="utf-8"))["videos"]
        rows = [measure(aviary.videos / name, film["frames"]) for name, film in films.items()]
    report(options.json, {key: sum(row[key] for row in rows) for key in rows[0]})


def measure(video: Path, frames: list[list[dict]]) -> Figures:
    """True boxes, those found at IoU 0.4, and all detections, over the frames that are looked at."""
    moments = list(iter_moments(video, frames_per_second=5.0, audio_seconds=None))
    detections = detect_motion(moments)
    num_true = num_found = 0
    for moment in moments:
        true = [bird["box"] for bird in frames[moment.frame_index]]
        boxes = [d.box for d in detections if d.frame_index == moment.frame_index]
        num_true += len(true)
        if true and boxes:
            num_found += int((box_iou(true, boxes).max(axis=1) >= MIN_IOU).sum())
    return {"true_boxes": num_true, "found_boxes": num_found, "detections": len(detections)}


if __name__ == "__main__":
    main()
