"""Crops: the detected animal cut out of its frame, its colours, and how well it is seen."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np

from individuals.video.detection import Detection, shared_areas
from media import resize_image

CROP_MARGIN = 0.15  # of the box, on each side

SIDE = 48  # pixels, to which the box is brought for its colours
STRIPES = 2  # above one another: a bird that turns round keeps its cap and its belly
LIGHT_BINS, COLOUR_BINS = 4, 8
NUM_COLOURS = STRIPES * LIGHT_BINS * COLOUR_BINS**2

JUDGED_SIDE = 86  # pixels, for sharpness: so that size does not count twice
NOISE_RADIUS = 0.8
FLAT_VARIANCE = 25.0  # grey levels squared: what varies less is noise
SHARP = 0.05
"""Curvature over variance of grey from which a crop is sharp. Birds in photos, on film and drawn have 0.06
to 0.16; blurred by two pixels, 0.02 (drawn)."""
FULL_SIDE = 64.0  # pixels: side of the square of a box's area from which it is large enough
EDGE_SHARE = 0.005  # of the frame: what is nearer to its edge is cut off there
CUT_OFF = 0.6  # for each edge
SURE_SCORE = 0.5
MARKED = 0.7  # what is at most this is given as a reason


def crop_detection(frame: np.ndarray, detection: Detection) -> np.ndarray:
    """The detected animal with a margin, as the encoder sees photos, uint8 [224, 224, 3].

    The crop is as wide as it is high, so that the animal keeps its proportions; where it leaves the
    frame, the frame's edge is repeated.
    """
    height, width = frame.shape[:2]
    left, top, right, bottom = detection.box
    if (left, top, right, bottom) == (0, 0, width, height):
        return resize_image(frame)
    half = (0.5 + CROP_MARGIN) * max(right - left, bottom - top)
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    columns = np.arange(round(middle_x - half), round(middle_x + half)).clip(0, width - 1)
    rows = np.arange(round(middle_y - half), round(middle_y + half)).clip(0, height - 1)
    return resize_image(frame[rows[:, None], columns])


def colour_appearance(frame: np.ndarray, detection: Detection) -> np.ndarray:
    """How the inside of a box is coloured, float32 [512]; the cosine of two says how alike they look.

    The square root of a histogram of CIELAB colours in two stripes, so that the cosine is Bhattacharyya's
    coefficient. Pixels count less towards the edges of the box, where the background is.
    """
    inside = cv2.resize(_inside(frame, detection), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(inside, cv2.COLOR_RGB2LAB)
    light = lab[..., 0].astype(np.intp) * LIGHT_BINS // 256
    # Animals are drab: the middle half of each colour axis holds nearly all of their colours.
    colours = ((lab[..., 1:].astype(np.intp) - 64) * COLOUR_BINS // 128).clip(0, COLOUR_BINS - 1)
    bins = (light * COLOUR_BINS + colours[..., 0]) * COLOUR_BINS + colours[..., 1]
    stripe = np.arange(SIDE)[:, None] * STRIPES // SIDE
    bins = stripe * (NUM_COLOURS // STRIPES) + bins
    weights = np.outer(*[np.hanning(SIDE + 2)[1:-1]] * 2)
    histogram = np.bincount(bins.ravel(), weights.ravel(), minlength=NUM_COLOURS)
    return np.sqrt(histogram / histogram.sum()).astype(np.float32)


@dataclass(frozen=True)
class CropQuality:
    """How good a crop is, part by part; each part is a float in [0, 1] and 1 is best."""

    sharpness: float  # how steep its curvature is for its contrast
    size: float  # how many pixels it has
    wholeness: float  # whether it lies inside of the frame
    apartness: float  # how little of it other animals' boxes cover
    certainty: float  # how sure the detector is

    @property
    def value(self) -> float:
        """All parts multiplied, float in [0, 1]."""
        return float(np.prod([getattr(self, part.name) for part in fields(self)]))

    @property
    def reasons(self) -> tuple[str, ...]:
        """What marks it down most, in words; empty for a good crop."""
        words = ("blurred", "tiny", "cut off", "overlapped", "unsure")
        parts = (getattr(self, part.name) for part in fields(self))
        return tuple(word for word, part in zip(words, parts, strict=True) if part <= MARKED)


def assess_crops(frame: np.ndarray, detections: Sequence[Detection]) -> list[CropQuality]:
    """How well a frame shows each of the animals that were detected in it.

    A blurrier, smaller or further cut-off picture of one animal never scores higher.
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
            sharpness=min(1.0, sharpness(_inside(frame, detection)) / SHARP),
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


def _inside(frame: np.ndarray, detection: Detection) -> np.ndarray:
    """What of the frame lies in the box, without a margin; at least one pixel. A view."""
    height, width = frame.shape[:2]
    left, top, right, bottom = detection.box
    first_column, first_row = min(max(int(left), 0), width - 1), min(max(int(top), 0), height - 1)
    last_column, last_row = max(round(right), first_column + 1), max(round(bottom), first_row + 1)
    return frame[first_row:last_row, first_column:last_column]


def _share_covered_by_others(boxes: np.ndarray) -> np.ndarray:
    """The largest share of each box that one other box covers, float64 [num_boxes]."""
    shared = shared_areas(boxes[:, None], boxes[None])
    np.fill_diagonal(shared, 0)
    return shared.max(axis=1, initial=0) / shared_areas(boxes, boxes)
