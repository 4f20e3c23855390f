"""From detections in single frames to tracklets: one animal followed for a while."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment


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
    box: tuple[float, float, float, float]
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


def link_tracklets(
    detections: Sequence[Detection], *, min_iou: float = 0.3, max_gap_frames: int | None = None
) -> list[int]:
    """Follow animals from frame to frame of one video by the overlap of their boxes.

    In each frame the detections are assigned to the tracklets that are still alive so that the total overlap
    is greatest (Hungarian assignment); what overlaps none by `min_iou` starts a tracklet. Two detections of
    one frame are never in one tracklet. An animal that leaves and comes back gets a new tracklet, which
    grouping may join.

    Args:
        detections: of one video, in any order.
        min_iou: float in (0, 1], the least overlap of an animal with itself at its last sight. Default 0.3.
        max_gap_frames: int >= 1, how many frame numbers later a tracklet may go on. None: three times the
            least step between frames with detections, so that it fits videos of which only every n-th frame
            was looked at.
    Returns:
        The tracklet of each detection, numbered from 0 by the frame of first sight.
    Raises:
        ValueError: min_iou or max_gap_frames out of range.
    """
    if not 0 < min_iou <= 1:
        raise ValueError(f"min_iou must be in (0, 1], received {min_iou}.")
    if max_gap_frames is not None and max_gap_frames < 1:
        raise ValueError(f"max_gap_frames must be at least 1, received {max_gap_frames}.")
    frames = sorted({detection.frame_index for detection in detections})
    if max_gap_frames is None:
        max_gap_frames = 3 * int(np.diff(frames).min()) if len(frames) > 1 else 1
    last_seen: list[Detection] = []  # by tracklet
    tracklet_of: dict[int, int] = {}
    for frame, here in _by_frame(detections):
        alive = [
            t for t, seen in enumerate(last_seen) if frame - seen.frame_index <= max_gap_frames
        ]
        matched = _assign(
            [last_seen[t].box for t in alive], [detections[d].box for d in here], min_iou
        )
        for place, number in enumerate(here):
            if place in matched:
                tracklet_of[number] = alive[matched[place]]
                last_seen[tracklet_of[number]] = detections[number]
            else:
                tracklet_of[number] = len(last_seen)
                last_seen.append(detections[number])
    return [tracklet_of[number] for number in range(len(detections))]


def _by_frame(detections: Sequence[Detection]) -> list[tuple[int, list[int]]]:
    """The numbers of the detections of each frame, in one order however they were listed."""
    frames: dict[int, list[int]] = {}
    for number in sorted(
        range(len(detections)), key=lambda d: (detections[d].frame_index, detections[d].box)
    ):
        frames.setdefault(detections[number].frame_index, []).append(number)
    return list(frames.items())


def _assign(
    last_boxes: Sequence[tuple[float, ...]], boxes: Sequence[tuple[float, ...]], min_iou: float
) -> dict[int, int]:
    """Which of the last boxes each box goes on with; boxes that overlap none enough are left out."""
    overlap = box_iou(last_boxes, boxes)
    overlap[overlap < min_iou] = 0
    before, now = linear_sum_assignment(overlap, maximize=True)
    return {int(n): int(b) for b, n in zip(before, now, strict=True) if overlap[b, n] > 0}
