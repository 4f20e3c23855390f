"""Assignment: which animal of a frame goes on with which tracklet, or with none where that is not clear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from individuals.video.detection import box_iou

MIN_SIMILARITY = 0.7
"""Boxes that overlap are two animals where they look less alike than this (cosine)."""
SURE_SIMILARITY = 0.9
"""What is near without overlapping must look this much alike."""
REACH = 1.0
"""How far an animal may have gone without overlapping itself, in diagonals of its box."""
MAX_GROWTH = 2.0
"""How many times larger or smaller its box may have become on that way, by area."""
CLEAR_MARGIN = 0.05
"""By how much (in overlap plus similarity) the best assignment must beat the best one without a pair, ..."""
CLEAR_MARGIN_ODD = 0.5
"""... and where animals appear or vanish among boxes that overlap: the hard moments of an encounter."""


@dataclass(frozen=True)
class Assignment:
    """What a frame's detections go on with.

    Args:
        tracklet_of: row of the tracklet by row of the detection.
        ended: rows of tracklets that may not go on: it is not clear which animal they are.
    """

    tracklet_of: dict[int, int]
    ended: frozenset[int] = frozenset()


def assign(
    last_boxes: np.ndarray, boxes: np.ndarray, similarity: np.ndarray | None, min_iou: float
) -> Assignment:
    """Which tracklet each detection of one frame goes on with.

    First what overlaps is assigned so that overlap plus similarity are greatest in all (Hungarian
    assignment). A pair without which the total would be nearly as great is not clear: it is left out, and
    the tracklets that might be meant end, because a new tracklet costs little (grouping may join it) and two
    animals in one tracklet are never told apart again. Then what is left goes on with what is near
    and looks the same, if that is the only candidate on either side.

    Args:
        last_boxes: float64 [num_tracklets, 4], where each was last seen.
        boxes: float64 [num_detections, 4].
        similarity: float64 [num_tracklets, num_detections], cosine of appearances; None: not known.
        min_iou: float in (0, 1], what counts as overlapping.
    Returns:
        `Assignment`.
    """
    if not len(last_boxes) or not len(boxes):
        return Assignment({})
    score = box_iou(last_boxes, boxes)
    may_overlap = score >= min_iou
    if similarity is not None:
        may_overlap &= similarity >= MIN_SIMILARITY
        score = score + similarity
    overlapping = _clear_pairs(np.where(may_overlap, score, 0.0))
    if similarity is None:
        return overlapping
    may_reach = _is_near(last_boxes, boxes) & (similarity >= SURE_SIMILARITY)
    may_reach[may_overlap.any(axis=1)] = False
    may_reach[:, may_overlap.any(axis=0)] = False
    is_only = (may_reach.sum(axis=0) == 1) & (may_reach.sum(axis=1, keepdims=True) == 1)
    near = {int(d): int(t) for t, d in zip(*np.nonzero(may_reach & is_only), strict=True)}
    return Assignment(overlapping.tracklet_of | near, overlapping.ended)


def _clear_pairs(score: np.ndarray) -> Assignment:
    """The best pairs by a score that is 0 where two cannot belong together."""
    pairs = [(t, d) for t, d in zip(*linear_sum_assignment(score, maximize=True), strict=True)]
    pairs = [(int(t), int(d)) for t, d in pairs if score[t, d] > 0]
    best = sum(score[pair] for pair in pairs)
    tracklets, detections = {t for t, _ in pairs}, {d for _, d in pairs}
    clear: dict[int, int] = {}
    ended: set[int] = set()
    for t, d in pairs:
        rivals, others = np.flatnonzero(score[:, d]).tolist(), np.flatnonzero(score[t]).tolist()
        is_odd = not (tracklets.issuperset(rivals) and detections.issuperset(others))
        margin = CLEAR_MARGIN_ODD if is_odd else CLEAR_MARGIN
        if len(rivals) > 1 or len(others) > 1:
            without = score.copy()
            without[t, d] = 0
            second_best = without[linear_sum_assignment(without, maximize=True)].sum()
            if best - second_best < margin:
                ended.update(rivals)
                continue
        clear[d] = t
    return Assignment(clear, frozenset(ended - set(clear.values())))


def _is_near(last_boxes: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Whether each two boxes are of about one size and not far from one another."""
    sides, other_sides = last_boxes[:, 2:] - last_boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    growth = sides.prod(axis=1)[:, None] / other_sides.prod(axis=1)
    middles, other_middles = last_boxes[:, :2] + sides / 2, boxes[:, :2] + other_sides / 2
    distance = np.linalg.norm(middles[:, None] - other_middles, axis=-1)
    diagonal = np.linalg.norm(sides, axis=1)[:, None] + np.linalg.norm(other_sides, axis=1)
    is_same_size = np.maximum(growth, 1 / growth) <= MAX_GROWTH
    return is_same_size & (distance <= REACH * diagonal / 2)
