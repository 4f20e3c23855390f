"""Detectors: what moves before a still camera, whole frames, a function of the caller, or a file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from individuals.video.detection import Box, Detection, shared_areas
from individuals.video.detection_file import DetectionFile
from media import Moment

Detect = Callable[[Sequence[Moment]], list[Detection]]
Detector = Detect | DetectionFile
DetectorName = Literal["motion", "whole"]

BACKGROUND_FRAMES = 50
MIN_CHANGE = 20  # grey levels, of 255
WEAK_CHANGE = 6
SURE_CHANGE = 60
MIN_AREA_SHARE = 0.002  # of the frame
MAX_AREA_SHARE = 0.4
MOVING_SHARE = 1 / 3  # of the frame: where more moves, as a rule, it is not animals that do
MIN_GHOST_FRAMES = 3
MAX_WIDTH = 640  # what is looked at; boxes are in the frame's own pixels
JOIN_SHARE = 0.015  # of the frame's width: pieces nearer than this are one animal


def find_detector(detector: DetectorName | Detector, videos: Sequence[str | Path] = ()) -> Detector:
    """The detector of this name, or the caller's own.

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
        Detection(m.frame_index, m.time_seconds, (0.0, 0.0, float(width), float(height)))
        for m in moments
        for height, width in [m.frame.shape[:2]]
    ]


@dataclass
class MotionDetector:
    """`detect_motion`, one piece of a video after another, and whether it can work for this video."""

    # of each frame of the background: the share of it within boxes of what moves
    moving_shares: list[float] = field(default_factory=list)

    def __call__(self, moments: Sequence[Moment]) -> list[Detection]:
        """As `detect_motion`."""
        if len(moments) < 3:
            return []
        chosen = np.linspace(0, len(moments) - 1, min(len(moments), BACKGROUND_FRAMES)).astype(int)
        frames = [_blurred(moments[i].frame) for i in np.unique(chosen)]
        scale = moments[0].frame.shape[1] / frames[0].shape[1]
        background, shares = _mended(np.median(frames, axis=0).astype(np.uint8), frames)
        self.moving_shares += shares
        detections = []
        for moment in moments:
            regions = _changed_regions(_blurred(moment.frame), background)
            animals = [r for r in regions if not r.is_ghost and not r.is_too_large]
            for box, score in _whole_animals(animals):
                left, top, right, bottom = (scale * side for side in box)
                whole: Box = (left, top, right, bottom)
                detections.append(Detection(moment.frame_index, moment.time_seconds, whole, score))
        return detections

    @property
    def is_overwhelmed(self) -> bool:
        """Whether so much of the frame moves that boxes of motion are no animals."""
        return len(self.moving_shares) > 0 and float(np.median(self.moving_shares)) > MOVING_SHARE


def detect_motion(moments: Sequence[Moment]) -> list[Detection]:
    """What differs from the background, for a camera that stands still.

    The background is the median of up to 50 frames. An animal that keeps still for most of them is part
    of that median, and leaves a ghost when it goes; a ghost is told by its outline, which is sharper in
    the background than in the frame, and the background is mended from the frames that show it. What
    differs by more than 20 grey levels, after blurring, is joined, where it is near or weaker changes
    connect it, into boxes between 0.2 % and 40 % of the frame. An animal that never moves is
    background, and animals that touch are one box: use a trained detector where you can.

    Detections are given frame by frame, from left to right; the score is the mean change, 1 from 60 grey
    levels.

    Reference:
        Cucchiara et al., "Detecting moving objects, ghosts, and shadows in video streams", 2003,
        https://doi.org/10.1109/TPAMI.2003.1233909 (ghosts; ours are told by their outline).
    """
    return MotionDetector()(moments)


@dataclass(frozen=True)
class _Region:
    rows: np.ndarray
    columns: np.ndarray
    box: Box
    score: float
    is_ghost: bool
    is_too_large: bool


def _whole_animals(regions: Sequence[_Region]) -> list[tuple[Box, float]]:
    """Boxes and scores; a box of which more than half lies in a larger one is a part of that animal."""
    animals: list[tuple[Box, float]] = []
    boxes = np.array([region.box for region in regions]).reshape(-1, 4)
    areas = shared_areas(boxes, boxes)
    for place in np.argsort(-areas, kind="stable"):
        region, here = regions[place], boxes[place]
        for number, (box, score) in enumerate(animals):
            if shared_areas(np.array(box), here) > 0.5 * areas[place]:
                left, top = np.minimum(box[:2], here[:2]).tolist()
                right, bottom = np.maximum(box[2:], here[2:]).tolist()
                animals[number] = (left, top, right, bottom), max(score, region.score)
                break
        else:
            animals.append((region.box, region.score))
    return sorted(animals)


def _blurred(frame: np.ndarray) -> np.ndarray:
    """The frame at most 640 pixels wide, without its noise."""
    shrink = min(1.0, MAX_WIDTH / frame.shape[1])
    small = cv2.resize(frame, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(small, (5, 5), 0)


def _mended(background: np.ndarray, frames: Sequence[np.ndarray]) -> tuple[np.ndarray, list[float]]:
    """The background with ghosts replaced by what is behind them; and how much of each frame moves."""
    behind = np.zeros((len(frames), *background.shape[:2]), bool)
    moves = np.zeros_like(behind)
    for shows_behind, moving, frame in zip(behind, moves, frames, strict=True):
        for region in _changed_regions(frame, background):
            left, top, right, bottom = map(int, region.box)
            moving[top:bottom, left:right] = True
            if region.is_ghost and not region.is_too_large:
                shows_behind[region.rows, region.columns] = True
    rows, columns = np.nonzero(behind.sum(axis=0) >= MIN_GHOST_FRAMES)
    seen = np.stack([frame[rows, columns] for frame in frames]).astype(np.float32)
    seen[~behind[:, rows, columns]] = np.nan
    mended = background.copy()
    mended[rows, columns] = np.nanmedian(seen, axis=0).round()
    return mended, moves.mean(axis=(1, 2)).tolist()


def _changed_regions(frame: np.ndarray, background: np.ndarray) -> list[_Region]:
    height, width = frame.shape[:2]
    difference = frame.astype(np.int16) - background
    # A passing cloud lights the whole frame alike: take its median away first.
    difference -= np.median(difference, axis=(0, 1)).astype(np.int16)
    change = np.abs(difference).max(axis=-1).astype(np.uint8)
    mask = (change > MIN_CHANGE).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    reach = max(3, round(JOIN_SHARE * width)) | 1
    joined = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    # Pieces that change strongly are one animal where what changes weakly connects them.
    weak = (change > WEAK_CHANGE).astype(np.uint8)
    joined |= cv2.morphologyEx(weak, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    num_regions, numbers = cv2.connectedComponents(joined)
    regions = []
    for number in range(1, num_regions):
        rows, columns = np.nonzero((numbers == number) & (mask > 0))
        if len(rows) >= MIN_AREA_SHARE * height * width:
            left, top, right, bottom = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
            box: Box = (float(left), float(top), float(right), float(bottom))
            score = min(1.0, float(change[rows, columns].mean()) / SURE_CHANGE)
            is_ghost = _has_sharper_outline(background, frame, rows, columns)
            is_too_large = len(rows) > MAX_AREA_SHARE * height * width
            regions.append(_Region(rows, columns, box, score, is_ghost, is_too_large))
    return sorted(regions, key=lambda region: region.box)


def _has_sharper_outline(
    image: np.ndarray, other: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> bool:
    """Whether the first image has the steeper edges along the outline of a region."""
    top, left = max(rows.min() - 4, 0), max(columns.min() - 4, 0)
    window = np.s_[top : rows.max() + 5, left : columns.max() + 5]
    inside = np.zeros(image[window].shape[:2], np.uint8)
    inside[rows - top, columns - left] = 1
    outline = cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8)) > 0
    steepness = []
    for picture in (image, other):
        grey = cv2.cvtColor(np.ascontiguousarray(picture[window]), cv2.COLOR_RGB2GRAY)
        slope = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
        steepness.append(float(slope[outline].mean()))
    return steepness[0] > steepness[1]
