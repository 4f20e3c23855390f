"""Local features: points of a photo that are found again in others, each with a vector that describes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np


@dataclass(frozen=True, eq=False)
class Keypoints:
    """The points of a photo.

    Args:
        places: float32 [num, 2], x and y as shares of the photo's width and height, in [0, 1].
        sizes: float32 [num], diameters as shares of the photo's longest side.
        vectors: float32 [num, size], unit length: what each looks like.
        aspect: float > 0, the photo's width as a share of its height.
    """

    places: np.ndarray
    sizes: np.ndarray
    vectors: np.ndarray
    aspect: float = 1.0

    def __len__(self) -> int:
        return len(self.places)


class LocalFeatures(Protocol):
    """What finds and describes the points of photos: `RootSift`, `OnnxFeatures`, or one of your own."""

    @property
    def name(self) -> str:
        """Names the features and everything that changes them, to file what was found."""

    def __call__(self, photo: np.ndarray) -> Keypoints:
        """The points of a photo, uint8 [height, width, 3], RGB; none where there is nothing to see."""


@dataclass(frozen=True)
class RootSift:
    """RootSIFT points: corners and spots, described by the directions of the edges around them.

    Local contrast is evened first, so that marks on a dark coat are found too. `is_upright` keeps the photo's
    own up and down, which tells more where animals stand as they do; without it a photo may be turned.

    Args:
        longest_side_px: int >= 32, to which a photo is brought.
        num_points: int >= 1, at most; the strongest.
        is_upright: whether up is up in every photo.
        margins: (left, top, right, bottom), shares of the photo without points: the background.

    Raises:
        ValueError: an option out of its range.

    Reference:
        Lowe, "Distinctive image features from scale-invariant keypoints", 2004; Arandjelović and Zisserman,
        "Three things everyone should know to improve object retrieval", 2012 (the square root).
    """

    longest_side_px: int = 600
    num_points: int = 400
    is_upright: bool = True
    margins: tuple[float, float, float, float] = (0.05, 0.12, 0.05, 0.28)

    def __post_init__(self) -> None:
        left, top, right, bottom = self.margins
        if self.longest_side_px < 32 or self.num_points < 1:
            raise ValueError(
                "Expected longest_side_px >= 32 and num_points >= 1, received "
                f"{self.longest_side_px} and {self.num_points}."
            )
        if min(self.margins) < 0 or left + right >= 1 or top + bottom >= 1:
            raise ValueError(
                f"Expected margins in [0, 1) that leave something between them, received {self.margins}."
            )

    @property
    def name(self) -> str:
        """Such as "rootsift-600-400-upright-0.05-0.12-0.05-0.28"."""
        way = "upright" if self.is_upright else "turning"
        margins = "-".join(f"{margin:g}" for margin in self.margins)
        return f"rootsift-{self.longest_side_px}-{self.num_points}-{way}-{margins}"

    def __call__(self, photo: np.ndarray) -> Keypoints:
        """The strongest points; see `LocalFeatures`."""
        grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
        scale = self.longest_side_px / max(grey.shape)
        width, height = (max(round(side * scale), 1) for side in grey.shape[::-1])
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        grey = cv2.resize(grey, (width, height), interpolation=way)
        grey = cv2.createCLAHE(CONTRAST_LIMIT, (8, 8)).apply(grey)
        sift = cv2.SIFT.create(contrastThreshold=LEAST_CONTRAST)
        found = sift.detect(grey, self._inside(height, width))
        found = _at_places_of_their_own(found) if self.is_upright else list(found)
        strongest = sorted(found, key=lambda point: -point.response)[: self.num_points]
        points, vectors = sift.compute(grey, strongest)
        if not points:
            none = np.zeros((0, 130), np.float32)
            return Keypoints(none[:, :2], none[:, 0], none[:, 2:], width / height)
        places = np.array([point.pt for point in points], np.float32) / (width, height)
        sizes = np.array([point.size for point in points], np.float32) / self.longest_side_px
        shares = vectors / np.maximum(vectors.sum(axis=1, keepdims=True), 1e-6)
        return Keypoints(places.astype(np.float32), sizes, np.sqrt(shares), width / height)

    def _inside(self, height: int, width: int) -> np.ndarray:
        left, top, right, bottom = self.margins
        mask = np.zeros((height, width), np.uint8)
        rows = slice(round(top * height), round((1 - bottom) * height))
        mask[rows, round(left * width) : round((1 - right) * width)] = 255
        return mask


CONTRAST_LIMIT = 3.0  # of the evening of local contrast
LEAST_CONTRAST = 0.01  # a quarter of Lowe's: a dark coat has little


def _at_places_of_their_own(points: Sequence[cv2.KeyPoint]) -> list[cv2.KeyPoint]:
    """The points without their directions; SIFT gives one for each direction of a place."""
    upright = {}
    for point in points:
        point.angle = 0.0
        upright[point.pt, point.size] = point
    return list(upright.values())
