"""Detections: where the animals are in a video's frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import cv2
import numpy as np

from fused_encoder.media import Moment
from inference.tracklets import Detection

Detector = Callable[[Sequence[Moment]], list[Detection]]
DetectorName = Literal["motion", "whole"]

BACKGROUND_FRAMES = 50
MIN_CHANGE = 20  # grey levels, of 255
MIN_AREA_SHARE = 0.002  # of the frame
MAX_AREA_SHARE = 0.4
JOIN_SHARE = 0.015  # of the frame's width: pieces nearer than this are one animal


def find_detector(detector: DetectorName | Detector) -> Detector:
    """The detector of this name, or the caller's own.

    Raises:
        ValueError: the name is unknown.
    """
    if callable(detector):
        return detector
    known: dict[str, Detector] = {"motion": detect_motion, "whole": detect_whole_frames}
    if detector not in known:
        raise ValueError(
            f"Unknown detector {detector!r}. Expected one of {', '.join(known)}, or a function that "
            "takes moments and gives detections."
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


def detect_motion(moments: Sequence[Moment]) -> list[Detection]:
    """What differs from the background, for a camera that stands still.

    The background is the median of up to 50 frames; what differs from it by more than 20 grey levels,
    after blurring, is joined into boxes between 0.2 % and 40 % of the frame. An animal that never
    moves is background, and animals that touch are one box: use a trained detector where you can.

    Args:
        moments: frames of one video, all of one size.

    Returns:
        Detections, frame by frame, from left to right; the score is the mean change in [0, 1].
    """
    if len(moments) < 3:
        return []
    chosen = np.linspace(0, len(moments) - 1, min(len(moments), BACKGROUND_FRAMES)).astype(int)
    background = np.median([moments[i].frame for i in chosen], axis=0).astype(np.uint8)
    background = cv2.GaussianBlur(background, (5, 5), 0)
    return [d for moment in moments for d in _changed_boxes(moment, background)]


def _changed_boxes(moment: Moment, background: np.ndarray) -> list[Detection]:
    height, width = moment.frame.shape[:2]
    blurred = cv2.GaussianBlur(moment.frame, (5, 5), 0).astype(np.int16)
    # A passing cloud lights the whole frame alike: take its median away first.
    shift = np.median(blurred - background, axis=(0, 1))
    change = np.abs(blurred - background - shift).max(axis=-1).astype(np.uint8)
    mask = (change > MIN_CHANGE).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    reach = max(3, round(JOIN_SHARE * width)) | 1
    joined = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    num_regions, regions = cv2.connectedComponents(joined)
    boxes = []
    for region in range(1, num_regions):
        rows, columns = np.nonzero((regions == region) & (mask > 0))
        if MIN_AREA_SHARE * height * width <= len(rows) <= MAX_AREA_SHARE * height * width:
            box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            score = float(change[rows, columns].mean()) / 255
            boxes.append(
                Detection(
                    moment.frame_index, moment.time_seconds, tuple(float(v) for v in box), score
                )
            )
    return sorted(boxes, key=lambda detection: detection.box)
