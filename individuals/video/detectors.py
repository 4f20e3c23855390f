"""Detectors: what may find the animals in a video's frames, by name, as a function, or from a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from individuals.video.detection import Detection
from individuals.video.detection_file import DetectionFile
from individuals.video.motion import detect_motion
from media import Moment

Detect = Callable[[Sequence[Moment]], list[Detection]]
Detector = Detect | DetectionFile
DetectorName = Literal["motion", "whole"]


def find_detector(detector: DetectorName | Detector, videos: Sequence[str | Path] = ()) -> Detector:
    """The detector of this name, or the caller's own.

    Args:
        detector: "motion", "whole", a function of moments, or what `load_detections` gave.
        videos: that it will be asked about; a detection file must know them all.

    Raises:
        ValueError: the name is unknown, or the detection file does not fit the videos.
    """
    if isinstance(detector, DetectionFile):
        detector.check(videos)
        return detector
    if callable(detector):
        return detector
    known: dict[str, Detect] = {"motion": detect_motion, "whole": detect_whole_frames}
    if detector not in known:
        raise ValueError(
            f"Unknown detector {detector!r}. Expected one of {', '.join(known)}, a function that takes "
            "moments and gives detections, or what load_detections gives."
        )
    return known[detector]


def detect_whole_frames(moments: Sequence[Moment]) -> list[Detection]:
    """Every frame as one detection, for footage that shows one animal and little else."""
    return [
        Detection(
            moment.frame_index,
            moment.time_seconds,
            (0.0, 0.0, float(moment.frame.shape[1]), float(moment.frame.shape[0])),
            1.0,
        )
        for moment in moments
    ]
