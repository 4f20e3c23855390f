"""What photos share: points that look alike, lie alike, and fit one movement of the animal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from inference.matching.features import Keypoints, LocalFeatures

LEAST_POINTS = 4  # to look for a movement: three pairs fit an affine map whatever they are
FAR, OPPOSITE = 2.0, np.float32(-1)  # distance and cosine of unit vectors, of what is out of reach
RATIO = 0.9  # of the test of Lowe, where two photos are compared without others
GRID = 1000.0  # the places' scale where inliers are sought, whose iterations assume pixels


@dataclass(frozen=True, eq=False)
class PhotoMatch:
    """The points that two photos share.

    Args:
        places: float32 [num, 2, 2], where each lies in the first and in the second photo: x and y, as
            shares of width and height.
        distinctiveness: float32 [num] in (0, 2], how much nearer the two descriptions are to each other than
            the first is to what other photos show.
    """

    places: np.ndarray
    distinctiveness: np.ndarray

    def __len__(self) -> int:
        return len(self.places)

    @property
    def score(self) -> float:
        """The sum of the distinctiveness, float >= 0: how much speaks for one animal."""
        return float(self.distinctiveness.sum())


@dataclass(frozen=True)
class Matching:
    """How points are matched.

    Args:
        reach: float > 0, how far a point may lie from its place in the other photo, in shares of the sides:
            photos of one flank, cropped to the animal, show its parts at about the same places. `inf` for
            photos that show animals anywhere.
        size_ratio: float >= 1, by how much its size may differ; `inf` for any.
        num_common: int >= 1. What more than so many photos of the shortlist show as well (the background, a
            mark that all have) tells nothing.
        tolerance: float > 0, how far an inlier may lie from the movement, in shares of the sides.

    Raises:
        ValueError: one is out of its range.
    """

    reach: float = 0.1
    size_ratio: float = 1.65
    num_common: int = 3
    tolerance: float = 0.03

    def __post_init__(self) -> None:
        if self.reach <= 0 or self.size_ratio < 1 or self.num_common < 1 or self.tolerance <= 0:
            raise ValueError(
                "Expected reach > 0, size_ratio >= 1, num_common >= 1 and tolerance > 0, received "
                f"{self.reach}, {self.size_ratio}, {self.num_common} and {self.tolerance}."
            )


class Matcher(Protocol):
    """What matches points in another way, such as `LightGlue`."""

    @property
    def name(self) -> str:
        """Names the way and everything that changes it."""

    def __call__(self, query: Keypoints, others: Sequence[Keypoints]) -> list[PhotoMatch]:
        """What a photo shares with each of the others."""


def way_name(features: LocalFeatures, matching: Matching | Matcher | None) -> str:
    """Names how photos are compared: a calibration belongs to one way."""
    if matching is None or isinstance(matching, Matching):
        return features.name
    return f"{features.name}+{matching.name}"


def match_photos(
    one: Keypoints, other: Keypoints, matching: Matching | Matcher | None = None
) -> PhotoMatch:
    """What two photos share, by themselves; a point must be nearer than 0.9 of the next best in the other."""
    return match_shortlist(one, [other], matching)[0]


def match_shortlist(
    query: Keypoints, others: Sequence[Keypoints], matching: Matching | Matcher | None = None
) -> list[PhotoMatch]:
    """What a photo shares with each photo of a shortlist.

    Points are pairs where each is the other's nearest, within reach. A pair counts by how much nearer it is
    than the query's point is to the photos that come after the `num_common` nearest of the shortlist; of a
    shorter list, to the next best point of the same photo. Then only pairs stay that fit one affine map.

    Args:
        query: its points.
        others: those of the shortlist, all by the same features.
        matching: Default: `Matching()`. A `Matcher` goes its own way.

    Returns:
        One match for each of the others.

    Raises:
        ValueError: points described by other features.

    Reference:
        McCann and Lowe, "Local naive Bayes nearest neighbor for image classification", 2012, as in HotSpotter
        (Crall et al., 2013); Barath et al., "MAGSAC++, a fast, reliable and accurate robust estimator", 2020.
    """
    matching = matching or Matching()
    _check_sizes(query, others)
    if not isinstance(matching, Matching):
        return matching(query, others)
    is_long = len(others) > matching.num_common
    found = [_nearest(query, other, matching, not is_long) for other in others]
    if is_long:
        distances = np.stack([nearest.distance for nearest in found])
        common = np.partition(distances, matching.num_common, axis=0)[matching.num_common]
        limits = [common] * len(others)
    else:
        limits = [RATIO * nearest.next_distance for nearest in found]
    return [
        _agreeing(query, other, nearest, limit - nearest.distance, matching.tolerance)
        for other, nearest, limit in zip(others, found, limits, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class _Nearest:
    """Of each point of the query, the nearest of another photo; distances are FAR where none is in reach."""

    row: np.ndarray  # int64 [num]
    distance: np.ndarray  # float32 [num], of the unit vectors
    next_distance: np.ndarray  # float32 [num], of the second nearest
    is_mutual: np.ndarray  # bool [num]


def _nearest(one: Keypoints, other: Keypoints, matching: Matching, with_next: bool) -> _Nearest:
    if not len(one) or not len(other):
        nowhere = np.full(len(one), FAR, np.float32)
        return _Nearest(np.zeros(len(one), int), nowhere, nowhere, np.zeros(len(one), bool))
    cosine = np.where(_in_reach(one, other, matching), one.vectors @ other.vectors.T, OPPOSITE)
    own, row = np.arange(len(one)), cosine.argmax(axis=1)
    nearest = cosine[own, row]
    is_mutual = (cosine.argmax(axis=0)[row] == own) & (nearest > OPPOSITE)
    second = nearest
    if with_next:
        cosine[own, row] = OPPOSITE
        second = cosine.max(axis=1)
    return _Nearest(row, _distance(nearest), _distance(second), is_mutual)


def _distance(cosine: np.ndarray) -> np.ndarray:
    """Of unit vectors."""
    return np.sqrt(np.maximum(2 - 2 * cosine, 0))


def _in_reach(one: Keypoints, other: Keypoints, matching: Matching) -> np.ndarray:
    """Whether points of two photos lie and are large alike, bool [num, num_other]."""
    x, y = (np.abs(one.places[:, None, k] - other.places[None, :, k]) for k in (0, 1))
    factor = np.abs(np.log(one.sizes)[:, None] - np.log(other.sizes)[None])
    near = np.maximum(x, y, out=x) <= matching.reach
    return np.logical_and(near, factor <= np.log(matching.size_ratio), out=near)


def _agreeing(
    query: Keypoints, other: Keypoints, nearest: _Nearest, margin: np.ndarray, tolerance: float
) -> PhotoMatch:
    """The pairs nearer than their limit that fit one affine map."""
    kept = np.flatnonzero(nearest.is_mutual & (margin > 0))
    places = np.stack([query.places[kept], other.places[nearest.row[kept]]], axis=1)
    is_inlier = inliers(places, tolerance)
    return PhotoMatch(places[is_inlier], margin[kept][is_inlier].astype(np.float32))


def inliers(places: np.ndarray, tolerance: float) -> np.ndarray:
    """Which pairs of places, float32 [num, 2, 2], fit one affine map, bool [num]; none of three or fewer."""
    if not np.isfinite(tolerance):
        return np.ones(len(places), bool)
    if len(places) >= LEAST_POINTS:
        grid = places.astype(np.float64) * GRID
        _, mask = cv2.estimateAffine2D(
            grid[:, 0],
            grid[:, 1],
            method=cv2.USAC_MAGSAC,
            ransacReprojThreshold=tolerance * GRID,
            maxIters=500,
            confidence=0.99,
        )
        if mask is not None:
            return mask.ravel() > 0
    return np.zeros(len(places), bool)


def _check_sizes(query: Keypoints, others: Sequence[Keypoints]) -> None:
    sizes = {each.vectors.shape[1] for each in (query, *others)}
    if len(sizes) > 1:
        raise ValueError(
            f"Expected points described by the same features, received vectors of the sizes {sorted(sizes)}."
        )
