"""`fused-encoder count`: how many individuals there are in some videos."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.options import add_command, add_encoder, choice, value
from app.cli.outcome import check_destination, import_tensorflow_quietly, outcome, table

if TYPE_CHECKING:
    from individuals import DetectionFile, VideoCount
    from individuals.grouping.count_interval import CountInterval
    from individuals.video.detectors import DetectorName

WORDS = (
    "What is counted: distinct individuals in this footage, as far as this encoder tells individuals "
    "apart. An encoder that was trained on species counts kinds, not individuals."
)


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(commands, "count", "count the individuals in videos")
    value(parser, "videos", str, "VIDEO", "video files", nargs="+")
    add_encoder(parser)
    value(parser, "--threshold", float, None, "cosine similarity (default: the encoder's own)")
    found = parser.add_mutually_exclusive_group()
    how = "how animals are found: what moves before a still camera, or the whole frame"
    choice(found, "--detector", ("motion", "whole"), how)
    detections = "what MegaDetector found, or COCO annotations"
    value(found, "--detections", str, "FILE.json", detections)
    least = "of --detections (default: the file's own, or 0.2)"
    value(parser, "--min-confidence", float, None, least, least=0)
    value(parser, "--frames-per-second", 5.0, "N", "frames looked at", above=0)
    sound = "embed an animal that is alone in view with the sound around it (needs `calibrate`)"
    choice(parser, "--sound", ("none", "alone"), sound)
    out = "folder for tables, pictures and what a review goes on with; or one FILE.json"
    value(parser, "--out", str, "DIR", out)
    media = "when and where each video was taken (docs/outputs.md)"
    value(parser, "--media", str, "CSV", media)
    value(parser, "--deployments", str, "CSV", "of cameras, for a Camtrap DP")
    value(parser, "--project", str, "JSON", "of the study, for a Camtrap DP")
    value(parser, "--media-root", str, "DIR", "paths in the Camtrap DP are relative to it")


def run(options: argparse.Namespace) -> int:
    """Counts, prints a table, and writes JSON or a folder of everything if asked."""
    from app import count_folder
    from individuals.outputs import (
        check_outputs,
        read_deployments,
        read_media_details,
        read_project,
    )

    folder = None
    if options.out and Path(options.out).suffix.lower() != ".json":
        folder = Path(options.out)
        check_destination(folder, count_folder.COUNT_FILE)
        count_folder.refuse_answered(folder)
    elif options.media or options.deployments or options.project:
        raise ValueError("--media, --deployments and --project need --out with a folder.")
    told = {
        "details": read_media_details(options.media) if options.media else {},
        "deployments": read_deployments(options.deployments) if options.deployments else (),
        "project": read_project(options.project) if options.project else None,
        "media_root": options.media_root,
    }
    for note in check_outputs(options.videos, **told):
        print(f"note: {note}")
    import_tensorflow_quietly()
    from individuals import count_individuals
    from inference import Embedder

    embedder = Embedder.load(options.encoder)
    counted = count_individuals(
        options.videos,
        embedder,
        threshold=options.threshold,
        detector=_detector(options),
        frames_per_second=options.frames_per_second,
        sound=options.sound,
        progress=True,
    )
    print(count_table(counted))
    print(f"\n{WORDS}")
    if folder:
        calibration = embedder.calibration if options.threshold is None else None
        num_written = count_folder.write_folder(folder, counted, calibration, **told)
        print(f"\n{num_written} files are in '{folder}', what each is for: docs/outputs.md.")
    elif options.out:
        count_folder.write_count(Path(options.out), counted)
    return outcome(counted.skipped)


def _detector(options: argparse.Namespace) -> DetectorName | DetectionFile:
    if options.detections is None:
        if options.min_confidence is not None:
            raise ValueError("--min-confidence is of --detections. Name a detection file too.")
        return options.detector
    from individuals import load_detections

    found = load_detections(options.detections, min_confidence=options.min_confidence)
    for note in found.notes:
        print(f"note: {options.detections}: {note}")
    return found


def count_table(counted: VideoCount) -> str:
    """One line per video and one for all, each number with its interval and what that is."""
    intervals = {str(video): interval for video, interval in counted.count.intervals.items()}
    rows = [
        (
            video,
            number,
            *interval_cells(intervals[video]),
            ", ".join(f"#{name}" for name in counted.individuals_in(video)),
        )
        for video, number in counted.per_video.items()
    ]
    interval = counted.count.interval
    rows.append(("all", counted.num_individuals, *interval_cells(interval), ""))
    text = table(rows, ("video", "individuals", "interval", "kind", "which"))
    return "\n".join([text, *(f"note: {note}" for note in counted.notes)])


def interval_cells(interval: CountInterval | None) -> tuple[str, str]:
    """A count's interval, and what kind it is."""
    return ("none", "") if interval is None else (str(interval), interval.kind)
