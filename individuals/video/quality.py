"""Quality: how much a crop shows of the animal, so that blurred, tiny and cut-off ones count less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np

from individuals.video.crops import pixels_of_box
from individuals.video.detection import Detection

JUDGED_SIDE = 86
"""Pixels: what a box is brought down to before its sharpness is judged, so that size does not count twice."""
NOISE_RADIUS = 0.8
FLAT_VARIANCE = 25.0  # grey levels squared: what varies less is noise
SHARP = 0.05
"""Curvature over variance of grey from which a crop is sharp. Birds in photos, on film and drawn have 0.06
to 0.16; blurred by two pixels, 0.02 (drawn)."""
FULL_SIDE = 64.0  # pixels: side of the square of a box's area from which it is large enough
EDGE_SHARE = 0.005  # of the frame: what is nearer to its edge is cut off there
CUT_OFF = 0.6  # for each edge
SURE_SCORE = 0.5
MARKED = 0.7
"""What is at most this is given as a reason."""


@dataclass(frozen=True)
class CropQuality:
    """How good a crop is, part by part; each part is a float in [0, 1] and 1 is best.

    Args:
        sharpness: how steep its curvature is for its contrast.
        size: how many pixels it has.
        wholeness: whether it lies inside of the frame.
        apartness: how little of it other animals' boxes cover.
        certainty: how sure the detector is.
    """

    sharpness: float
    size: float
    wholeness: float
    apartness: float
    certainty: float

    @property
    def value(self) -> float:
        """All parts multiplied, float in [0, 1]."""
        return float(np.prod([getattr(self, part.name) for part in fields(self)]))

    @property
    def reasons(self) -> tuple[str, ...]:
        """What marks it down most, in words; empty for a good crop."""
        words = {
            "sharpness": "blurred",
            "size": "tiny",
            "wholeness": "cut off",
            "apartness": "overlapped",
            "certainty": "unsure",
        }
        return tuple(word for part, word in words.items() if getattr(self, part) <= MARKED)


def assess_crops(frame: np.ndarray, detections: Sequence[Detection]) -> list[CropQuality]:
    """How well a frame shows each of the animals that were detected in it.

    Args:
        frame: uint8 [height, width, 3], RGB.
        detections: all of this frame.

    Returns:
        `CropQuality` of each. A blurrier, smaller or further cut-off picture of one animal never scores
        higher.
    """
    height, width = frame.shape[:2]
    boxes = np.array([detection.box for detection in detections]).reshape(-1, 4)
    sides = boxes[:, 2:] - boxes[:, :2]
    margin = EDGE_SHARE * np.array([width, height])
    num_edges = (boxes[:, :2] < margin).sum(axis=1)
    num_edges += (boxes[:, 2:] > np.array([width, height]) - margin).sum(axis=1)
    num_edges[num_edges == 4] = 0  # the whole frame, on purpose or for a close-up
    covered = _share_covered_by_others(boxes)
    return [
        CropQuality(
            sharpness=min(1.0, sharpness(pixels_of_box(frame, detection)) / SHARP),
            size=min(1.0, float(np.sqrt(sides[row].prod())) / FULL_SIDE),
            wholeness=CUT_OFF ** int(num_edges[row]),
            apartness=float(1 - covered[row]),
            certainty=min(1.0, detection.score / SURE_SCORE),
        )
        for row, detection in enumerate(detections)
    ]


def sharpness(pixels: np.ndarray) -> float:
    """Variance of the Laplacian over the variance of grey, at 86 pixels on the longer side or less.

    Dividing by the variance leaves dark and pale animals alike; a little smoothing first keeps the noise
    of a sensor from passing as detail.

    Args:
        pixels: uint8 [rows, columns, 3], RGB.

    Returns:
        float >= 0; 0 for one colour. Blurring makes it smaller.
    Reference:
        Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", 2000,
        https://doi.org/10.1109/ICPR.2000.903548 (variance of the Laplacian; the division is ours).
    """
    shrink = JUDGED_SIDE / max(pixels.shape[:2])
    if shrink < 1:
        pixels = cv2.resize(pixels, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey = cv2.GaussianBlur(grey, (0, 0), NOISE_RADIUS)
    curvature = cv2.Laplacian(grey, cv2.CV_32F)
    return float(curvature.var() / (grey.var() + FLAT_VARIANCE))


def _share_covered_by_others(boxes: np.ndarray) -> np.ndarray:
    """The largest share of each box that one other box covers, float64 [num_boxes]."""
    sides = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:]) - np.maximum(
        boxes[:, None, :2], boxes[None, :, :2]
    )
    shared = sides.clip(0, None).prod(axis=-1)
    np.fill_diagonal(shared, 0)
    return shared.max(axis=1, initial=0) / (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
