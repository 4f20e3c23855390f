"""A detection: one animal in one frame, and what boxes have in common."""

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
    """Intersection over union of boxes [num, 4] and others [num_other, 4]: float64 [num, num_other]."""
    ones = np.asarray(boxes, np.float64).reshape(-1, 1, 4)
    others = np.asarray(other_boxes, np.float64).reshape(1, -1, 4)
    overlap = shared_areas(ones, others)
    return overlap / (shared_areas(ones, ones) + shared_areas(others, others) - overlap)


def without_doubles(detections: Sequence[Detection]) -> list[Detection]:
    """The detections without those that nearly cover a surer one of their frame (IoU above 0.8)."""
    boxes_in: dict[int, list[Box]] = {}
    kept = []
    for number in sorted(range(len(detections)), key=lambda d: -detections[d].score):
        box, here = detections[number].box, boxes_in.setdefault(detections[number].frame_index, [])
        if box_iou(box, here).max(initial=0) <= MAX_IOU:
            here.append(box)
            kept.append(number)
    return [detections[number] for number in sorted(kept)]


def shared_areas(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """What both cover, in square pixels, of boxes [..., 4] and [..., 4]; of a box and itself: its area."""
    sides = np.minimum(boxes[..., 2:], others[..., 2:]) - np.maximum(
        boxes[..., :2], others[..., :2]
    )
    return sides.clip(0, None).prod(axis=-1)
