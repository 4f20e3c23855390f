"""Appearance: the colours of a detected animal, cheap enough for every detection, to follow it by."""

from __future__ import annotations

import cv2
import numpy as np

from individuals.video.crops import pixels_of_box
from individuals.video.detection import Detection

SIDE = 48  # pixels, to which the box is brought
STRIPES = 2  # above one another: a bird that turns round keeps its cap and its belly
LIGHT_BINS, COLOUR_BINS = 4, 8
SIZE = STRIPES * LIGHT_BINS * COLOUR_BINS**2


def colour_appearance(frame: np.ndarray, detection: Detection) -> np.ndarray:
    """How the inside of a box is coloured; the cosine of two says how much they look alike.

    The square root of a histogram of CIELAB colours in two stripes, so that the cosine is Bhattacharyya's
    coefficient. Pixels count less towards the edges of the box, where the background is.

    Args:
        frame: uint8 [height, width, 3], RGB.
        detection: where; pixels of the frame.

    Returns:
        float32 [512], unit length.
    """
    inside = cv2.resize(pixels_of_box(frame, detection), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(inside, cv2.COLOR_RGB2LAB)
    light = lab[..., 0].astype(np.intp) * LIGHT_BINS // 256
    # Animals are drab: the middle half of each colour axis holds nearly all of their colours.
    colours = ((lab[..., 1:].astype(np.intp) - 64) * COLOUR_BINS // 128).clip(0, COLOUR_BINS - 1)
    bins = (light * COLOUR_BINS + colours[..., 0]) * COLOUR_BINS + colours[..., 1]
    stripe = np.arange(SIDE)[:, None] * STRIPES // SIDE
    bins = stripe * (SIZE // STRIPES) + bins
    histogram = np.bincount(bins.ravel(), _WEIGHTS.ravel(), minlength=SIZE)
    return np.sqrt(histogram / histogram.sum()).astype(np.float32)


def _central_weights() -> np.ndarray:
    across = np.hanning(SIDE + 2)[1:-1]
    return np.outer(across, across)


_WEIGHTS = _central_weights()
