"""`fused-encoder count`: how many individuals there are in some videos."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.cli.destination import check_destination
from app.cli.outcome import outcome, table
from app.count_folder import (
    CALIBRATION_FILE,
    COUNT_FILE,
    refuse_answered,
    remove_old_crops,
    write_count,
    write_tables,
)
from individuals import DetectionFile, count_individuals, load_detections
from individuals.count import VideoCount
from individuals.outputs import (
    check_outputs,
    read_deployments,
    read_media_details,
    read_project,
)
from individuals.sighting_file import save_counted_sightings
from individuals.video.detectors import DetectorName
from inference import Embedder
from inference.calibrate import save_calibration

WORDS = (
    "What is counted: distinct individuals in this footage, as far as this encoder tells individuals "
    "apart. An encoder that was trained on species counts kinds, not individuals."
)


def run(options: argparse.Namespace) -> int:
    """Counts, prints a table, and writes JSON or a folder of everything if asked."""
    is_folder = bool(options.out) and Path(options.out).suffix.lower() != ".json"
    if is_folder:
        check_destination(options.out, COUNT_FILE)
        refuse_answered(Path(options.out))
    details = read_media_details(options.media) if options.media else {}
    project = read_project(options.project) if options.project else None
    deployments = read_deployments(options.deployments) if options.deployments else ()
    if not is_folder and (details or project or deployments):
        raise ValueError("--media, --deployments and --project need --out with a folder.")
    for note in check_outputs(
        options.videos,
        details=details,
        deployments=deployments,
        project=project,
        media_root=options.media_root,
    ):
        print(f"note: {note}")
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
    if is_folder:
        folder = Path(options.out)
        written = write_tables(
            folder,
            counted,
            details=details,
            deployments=deployments,
            project=project,
            media_root=options.media_root,
        )
        written.append(save_counted_sightings(folder, counted))
        if options.threshold is None and embedder.calibration is not None:
            written.append(save_calibration(folder / CALIBRATION_FILE, embedder.calibration))
        else:
            (folder / CALIBRATION_FILE).unlink(missing_ok=True)  # of an earlier count
        remove_old_crops(folder)
        print(f"\n{len(written)} files are in '{folder}', what each is for: docs/outputs.md.")
    elif options.out:
        write_count(Path(options.out), counted)
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
    """One line per video and one for all, each number with its interval."""
    intervals = {str(video): interval for video, interval in counted.count.intervals.items()}
    rows = [
        (
            video,
            number,
            intervals[video],
            ", ".join(f"#{name}" for name in counted.individuals_in(video)),
        )
        for video, number in counted.per_video.items()
    ]
    rows.append(("all", counted.num_individuals, counted.count.interval, ""))
    confidence = counted.count.interval.confidence
    header = "certain" if confidence is None else f"{confidence:.0%} interval"
    text = table(rows, ("video", "individuals", header, "which"))
    return "\n".join([text, *(f"note: {note}" for note in counted.notes)])
