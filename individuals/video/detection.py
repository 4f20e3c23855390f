"""A detection: one animal in one frame, and what boxes have in common."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MAX_IOU = 0.8  # of two animals in one frame

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the frame."""


@dataclass(frozen=True)
class Detection:
    """One animal in one frame.

    Attributes:
        frame_index: int >= 0, the frame's number in the video.
        time_seconds: float >= 0, since the start of the video.
        box: (left, top, right, bottom), float, pixels, left < right and top < bottom.
        score: float in [0, 1], how sure the detector is. Default 1.
    """

    frame_index: int
    time_seconds: float
    box: Box
    score: float = 1.0

    def __post_init__(self) -> None:
        left, top, right, bottom = self.box
        if not all(map(math.isfinite, self.box)) or not (left < right and top < bottom):
            raise ValueError(
                f"The box in frame {self.frame_index} must be (left, top, right, bottom) in pixels with left "
                f"< right and top < bottom, received {self.box}. A box of (left, top, width, height) must be "
                "converted."
            )
        if self.frame_index < 0 or not self.time_seconds >= 0 or not 0 <= self.score <= 1:
            raise ValueError(
                "A detection needs frame_index >= 0, time_seconds >= 0 and a score in [0, 1]; received "
                f"{self.frame_index}, {self.time_seconds} and {self.score}."
            )


def box_iou(boxes: npt.ArrayLike, other_boxes: npt.ArrayLike) -> np.ndarray:
    """Intersection over union of each two boxes.

    Args:
        boxes: float [num, 4], (left, top, right, bottom) in pixels.
        other_boxes: float [num_other, 4].
    Returns:
        float64 [num, num_other] in [0, 1].
    """
    ones = np.asarray(boxes, np.float64).reshape(-1, 1, 4)
    others = np.asarray(other_boxes, np.float64).reshape(1, -1, 4)
    sides = np.minimum(ones[..., 2:], others[..., 2:]) - np.maximum(ones[..., :2], others[..., :2])
    overlap = np.clip(sides, 0, None).prod(axis=-1)
    areas = (ones[..., 2:] - ones[..., :2]).prod(axis=-1) + (
        others[..., 2:] - others[..., :2]
    ).prod(axis=-1)
    return overlap / (areas - overlap)


def without_doubles(detections: Sequence[Detection]) -> list[Detection]:
    """The detections without those that nearly cover a surer one of their frame (IoU above 0.8)."""
    kept: dict[int, list[Detection]] = {}
    for detection in sorted(detections, key=lambda d: -d.score):
        here = kept.setdefault(detection.frame_index, [])
        if not here or box_iou(detection.box, [d.box for d in here]).max() <= MAX_IOU:
            here.append(detection)
    ids = {id(detection) for here in kept.values() for detection in here}
    return [detection for detection in detections if id(detection) in ids]


def shared_box(box: Box, other: Box) -> Box:
    """What both cover; its area is 0 where they do not overlap."""
    left, top = max(box[0], other[0]), max(box[1], other[1])
    return (left, top, min(box[2], other[2]), min(box[3], other[3]))


def joined_box(box: Box, other: Box) -> Box:
    """The smallest box around both."""
    left, top = min(box[0], other[0]), min(box[1], other[1])
    return (left, top, max(box[2], other[2]), max(box[3], other[3]))


def box_area(box: Box) -> float:
    """In pixels; 0 where a side is negative."""
    left, top, right, bottom = box
    return max(right - left, 0.0) * max(bottom - top, 0.0)
