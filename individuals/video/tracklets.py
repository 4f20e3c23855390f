"""From detections in single frames to tracklets: one animal followed for a while."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from individuals.video.detection import Box, Detection, box_iou

KEPT_OF_APPEARANCE = 0.8  # from sight to sight: one odd sight does not change it
MIN_IOU = 0.3  # of an animal with itself at its last sight
MAX_GAP_STEPS = 3  # between frames with detections, after which a tracklet ends
MIN_SIMILARITY = 0.7  # boxes that overlap and look less alike (cosine) are two animals
SURE_SIMILARITY = 0.9  # what is near without overlapping must look this much alike
REACH = 1.0  # how far an animal may have gone without overlapping itself, in diagonals of its box
MAX_GROWTH = 2.0  # how many times larger or smaller its box may have become on that way, by area
CLEAR_MARGIN = 0.05
"""By how much (in overlap plus similarity) the best assignment must beat the best one without a pair, ..."""
CLEAR_MARGIN_ODD = 0.5
"""... and where animals appear or vanish among boxes that overlap: the hard moments of an encounter."""


def link_tracklets(
    detections: Sequence[Detection], *, appearances: npt.ArrayLike | None = None
) -> list[int]:
    """Follows animals from frame to frame of one video by overlap and appearance.

    In each frame the detections are assigned to the tracklets that are still alive so that overlap of
    boxes plus similarity of appearances is greatest in all (Hungarian assignment). What overlaps none,
    looks different, or could as well be another animal starts a tracklet; what only moved too fast to
    overlap goes on if it is near, looks the same, and nothing else does. Two detections of one frame are
    never in one tracklet. An animal that leaves and comes back gets a new tracklet, which grouping may
    join. When in doubt a tracklet ends: two animals in one could not be told apart again. A tracklet may
    skip two of the frames that were looked at.

    Args:
        detections: of one video, in any order.
        appearances: float32 [num_detections, size], such as `colour_appearance` or embeddings; only
            directions count, none is 0. None: boxes alone decide.
    Returns:
        The tracklet of each detection, numbered from 0 by the frame of first sight.
    Reference:
        Bewley et al., "Simple online and realtime tracking", 2016, https://arxiv.org/abs/1602.00763; with
        appearance, Wojke et al., 2017, https://arxiv.org/abs/1703.07402. Ours predicts no motion (birds
        hop), and ends tracklets that are not clear.
    """
    looks = None if appearances is None else np.asarray(appearances, np.float32)
    if looks is not None:
        looks = looks / np.linalg.norm(looks, axis=1, keepdims=True)
    by_frame = _by_frame(detections)
    steps = np.diff([frame for frame, _ in by_frame]).tolist()
    max_gap = MAX_GAP_STEPS * min(steps, default=0)
    tracklet_of = np.full(len(detections), -1)
    num_tracklets = 0
    alive: list[_Followed] = []
    for frame, here in by_frame:
        alive = [animal for animal in alive if frame - animal.frame_index <= max_gap]
        similarity = None
        if looks is not None and alive:
            similarity = np.array([animal.look for animal in alive]) @ looks[here].T
        last_boxes = np.array([animal.box for animal in alive]).reshape(-1, 4)
        boxes = np.array([detections[number].box for number in here])
        tracklet_row_of, ended = _assign(last_boxes, boxes, similarity)
        new: list[_Followed] = []
        for place, number in enumerate(here):
            look = None if looks is None else looks[number]
            if place in tracklet_row_of:
                animal = alive[tracklet_row_of[place]]
                animal.is_seen(frame, detections[number].box, look)
            else:
                animal = _Followed(num_tracklets, frame, detections[number].box, look)
                new.append(animal)
                num_tracklets += 1
            tracklet_of[number] = animal.tracklet
        alive = [animal for row, animal in enumerate(alive) if row not in ended] + new
    return tracklet_of.tolist()


@dataclass
class _Followed:
    """A tracklet that may go on: where it was last seen, and what it looked like so far."""

    tracklet: int
    frame_index: int
    box: Box
    look: np.ndarray | None

    def is_seen(self, frame_index: int, box: Box, look: np.ndarray | None) -> None:
        self.frame_index, self.box = frame_index, box
        if self.look is not None and look is not None:
            mixed = KEPT_OF_APPEARANCE * self.look + (1 - KEPT_OF_APPEARANCE) * look
            length = np.linalg.norm(mixed)
            self.look = mixed / length if length > 0 else look


def _by_frame(detections: Sequence[Detection]) -> list[tuple[int, list[int]]]:
    """The numbers of the detections of each frame, in one order however they were listed."""
    ordered = sorted(
        range(len(detections)), key=lambda d: (detections[d].frame_index, detections[d].box)
    )
    frames = groupby(ordered, key=lambda d: detections[d].frame_index)
    return [(frame, list(numbers)) for frame, numbers in frames]


def _assign(
    last_boxes: np.ndarray, boxes: np.ndarray, similarity: np.ndarray | None
) -> tuple[dict[int, int], set[int]]:
    """Which tracklet each detection of one frame goes on with, and the tracklets that end."""
    if not len(last_boxes) or not len(boxes):
        return {}, set()
    score = box_iou(last_boxes, boxes)
    may_overlap = score >= MIN_IOU
    if similarity is not None:
        may_overlap &= similarity >= MIN_SIMILARITY
        score = score + similarity
    overlapping, ended = _clear_pairs(np.where(may_overlap, score, 0.0))
    if similarity is None:
        return overlapping, ended
    may_reach = _is_near(last_boxes, boxes) & (similarity >= SURE_SIMILARITY)
    may_reach[may_overlap.any(axis=1)] = False
    may_reach[:, may_overlap.any(axis=0)] = False
    is_only = (may_reach.sum(axis=0) == 1) & (may_reach.sum(axis=1, keepdims=True) == 1)
    near = {int(d): int(t) for t, d in zip(*np.nonzero(may_reach & is_only), strict=True)}
    return overlapping | near, ended


def _clear_pairs(score: np.ndarray) -> tuple[dict[int, int], set[int]]:
    """The best pairs that are clear, by a score that is 0 where two cannot belong together.

    A pair without which the total would be nearly as great is not clear: it is left out, and the tracklets
    that might be meant end.
    """
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
    return clear, ended - set(clear.values())


def _is_near(last_boxes: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Whether each two boxes are of about one size and not far from one another."""
    sides, other_sides = last_boxes[:, 2:] - last_boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    growth = sides.prod(axis=1)[:, None] / other_sides.prod(axis=1)
    middles, other_middles = last_boxes[:, :2] + sides / 2, boxes[:, :2] + other_sides / 2
    distance = np.linalg.norm(middles[:, None] - other_middles, axis=-1)
    diagonal = np.linalg.norm(sides, axis=1)[:, None] + np.linalg.norm(other_sides, axis=1)
    is_same_size = np.maximum(growth, 1 / growth) <= MAX_GROWTH
    return is_same_size & (distance <= REACH * diagonal / 2)
