"""Crops: the detected animal cut out of its frame, as the encoder sees photos."""

from __future__ import annotations

import numpy as np

from individuals.video.detection import Detection
from media import resize_image

CROP_MARGIN = 0.15  # of the box, on each side


def crop_detection(frame: np.ndarray, detection: Detection) -> np.ndarray:
    """The detected animal with a margin, as the encoder sees photos.

    The crop is as wide as it is high, so that the animal keeps its proportions; where it leaves the
    frame, the frame's edge is repeated.

    Args:
        frame: uint8 [height, width, 3], RGB.
        detection: where; pixels of the frame.

    Returns:
        uint8 [224, 224, 3].
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


def pixels_of_box(frame: np.ndarray, detection: Detection) -> np.ndarray:
    """What of the frame lies in the box, without a margin; at least one pixel.

    Args:
        frame: uint8 [height, width, 3], RGB.
        detection: where; pixels of the frame.

    Returns:
        uint8 [rows, columns, 3], a view.
    """
    height, width = frame.shape[:2]
    left, top, right, bottom = detection.box
    first_column, first_row = min(max(int(left), 0), width - 1), min(max(int(top), 0), height - 1)
    last_column, last_row = max(round(right), first_column + 1), max(round(bottom), first_row + 1)
    return frame[first_row:last_row, first_column:last_column]
