"""A match as a picture: two photos side by side, with lines between the points that they share."""

from __future__ import annotations

import cv2
import numpy as np

from inference.matching.match import PhotoMatch
from media import resize_image

HEIGHT_PX = 360
MOST_LINES = 60
LINE = (255, 210, 0)
GAP_PX = 8


def draw_match(
    photo: np.ndarray, other: np.ndarray, match: PhotoMatch, *, height_px: int = HEIGHT_PX
) -> np.ndarray:
    """Two photos beside each other, and lines between the points that they share.

    Args:
        photo: uint8 [height, width, 3], RGB, the first of the match (its crop, where a box was given).
        other: uint8 [height, width, 3], RGB, the second.
        match: from `match_photos`, or of a `RankedHit`.
        height_px: int >= 1, to which both are brought.

    Returns:
        uint8 [height_px, width, 3], RGB.
    """
    shown = [_of_height(each, height_px) for each in (photo, other)]
    start = shown[0].shape[1] + GAP_PX
    picture = np.hstack([shown[0], np.full((height_px, GAP_PX, 3), 255, np.uint8), shown[1]])
    clearest = np.argsort(-match.distinctiveness, kind="stable")[:MOST_LINES]
    for first, second in match.places[clearest]:
        left, right = _pixel(first, shown[0], 0), _pixel(second, shown[1], start)
        cv2.line(picture, left, right, LINE, 1, cv2.LINE_AA)
        for end in (left, right):
            cv2.circle(picture, end, 3, LINE, 1, cv2.LINE_AA)
    return picture


def _of_height(photo: np.ndarray, height_px: int) -> np.ndarray:
    height, width = photo.shape[:2]
    return resize_image(photo, (height_px, max(round(width * height_px / height), 1)))


def _pixel(place: np.ndarray, photo: np.ndarray, start: int) -> tuple[int, int]:
    height, width = photo.shape[:2]
    return start + round(float(place[0]) * (width - 1)), round(float(place[1]) * (height - 1))
