"""`fused-encoder count`: how many individuals there are in some videos."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from app.commands.outcome import outcome, table
from inference import DetectionFile, Embedder, count_individuals, load_detections
from inference.count import VideoCount
from inference.video.detectors import DetectorName

WORDS = (
    "What is counted: distinct individuals in this footage, as far as this encoder tells individuals "
    "apart. An encoder that was trained on species counts kinds, not individuals."
)


def run(options: argparse.Namespace) -> int:
    """Counts, prints a table, and writes JSON if asked."""
    embedder = Embedder.load(options.encoder)
    counted = count_individuals(
        options.videos,
        embedder,
        threshold=options.threshold,
        detector=_detector(options),
        frames_per_second=options.frames_per_second,
        progress=True,
    )
    print(count_table(counted))
    print(f"\n{WORDS}")
    if options.out:
        Path(options.out).parent.mkdir(parents=True, exist_ok=True)
        Path(options.out).write_text(
            json.dumps(counted.to_dict(), ensure_ascii=False, indent=1), encoding="utf-8"
        )
    return outcome(counted.skipped)


def _detector(options: argparse.Namespace) -> DetectorName | DetectionFile:
    if options.detections is None:
        if options.min_confidence is not None:
            raise ValueError("--min-confidence is of --detections. Name a detection file too.")
        return options.detector
    found = load_detections(options.detections, min_confidence=options.min_confidence)
    for note in found.notes:
        print(f"note: {options.detections}: {note}")
    return found


def count_table(counted: VideoCount) -> str:
    """One line per video and one for all."""
    rows = [
        (video, number, ", ".join(f"#{name}" for name in counted.individuals_in(video)))
        for video, number in counted.per_video.items()
    ]
    text = table([*rows, ("all", counted.num_individuals, "")], ("video", "individuals", "which"))
    return "\n".join([text, *(f"note: {note}" for note in counted.notes)])
