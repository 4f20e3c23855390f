"""From detections in single frames to tracklets: one animal followed for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from individuals.video.assignment import assign
from individuals.video.detection import Detection

KEPT_OF_APPEARANCE = 0.8
"""How much of a tracklet's appearance is kept from sight to sight: one odd sight does not change it."""


def link_tracklets(
    detections: Sequence[Detection],
    *,
    appearances: npt.ArrayLike | None = None,
    min_iou: float = 0.3,
    max_gap_frames: int | None = None,
) -> list[int]:
    """Follow animals from frame to frame of one video by overlap and appearance.

    In each frame the detections are assigned to the tracklets that are still alive so that overlap of
    boxes plus similarity of appearances is greatest in all (Hungarian assignment). What overlaps none by
    `min_iou`, looks different, or could as well be another animal starts a tracklet; what only moved too
    fast to overlap goes on if it is near, looks the same, and nothing else does. Two detections of one
    frame are never in one tracklet. An animal that leaves and comes back gets a new tracklet, which
    grouping may join. When in doubt a tracklet ends: two animals in one could not be told apart again.

    Args:
        detections: of one video, in any order.
        appearances: float32 [num_detections, size], such as `colour_appearance` or embeddings; only
            directions count. None: boxes alone decide.
        min_iou: float in (0, 1], the least overlap of an animal with itself at its last sight. Default 0.3.
        max_gap_frames: int >= 1, how many frame numbers later a tracklet may go on. None: three times the
            least step between frames with detections, so that it fits videos of which only every n-th frame
            was looked at.
    Returns:
        The tracklet of each detection, numbered from 0 by the frame of first sight.
    Raises:
        ValueError: min_iou or max_gap_frames out of range; appearances not one row of finite numbers,
            not all 0, for each detection.
    Reference:
        Bewley et al., "Simple online and realtime tracking", 2016, https://arxiv.org/abs/1602.00763; with
        appearance, Wojke et al., 2017, https://arxiv.org/abs/1703.07402. Ours predicts no motion (birds
        hop), and ends tracklets that are not clear.
    """
    if not 0 < min_iou <= 1:
        raise ValueError(f"min_iou must be in (0, 1], received {min_iou}.")
    if max_gap_frames is not None and max_gap_frames < 1:
        raise ValueError(f"max_gap_frames must be at least 1, received {max_gap_frames}.")
    looks = _directions(appearances, len(detections))
    frames = sorted({detection.frame_index for detection in detections})
    if max_gap_frames is None:
        max_gap_frames = 3 * int(np.diff(frames).min()) if len(frames) > 1 else 1
    tracklet_of = np.full(len(detections), -1)
    num_tracklets = 0
    alive: list[_Followed] = []
    for frame, here in _by_frame(detections):
        alive = [animal for animal in alive if frame - animal.frame_index <= max_gap_frames]
        similarity = None
        if looks is not None and alive:
            similarity = np.array([animal.look for animal in alive]) @ looks[here].T
        last_boxes = np.array([animal.box for animal in alive]).reshape(-1, 4)
        boxes = np.array([detections[number].box for number in here])
        assigned = assign(last_boxes, boxes, similarity, min_iou)
        new: list[_Followed] = []
        for place, number in enumerate(here):
            look = None if looks is None else looks[number]
            if place in assigned.tracklet_of:
                animal = alive[assigned.tracklet_of[place]]
                animal.is_seen(frame, detections[number].box, look)
            else:
                animal = _Followed(num_tracklets, frame, detections[number].box, look)
                new.append(animal)
                num_tracklets += 1
            tracklet_of[number] = animal.tracklet
        alive = [animal for row, animal in enumerate(alive) if row not in assigned.ended] + new
    return tracklet_of.tolist()


@dataclass
class _Followed:
    """A tracklet that may go on: where it was last seen, and what it looked like so far."""

    tracklet: int
    frame_index: int
    box: tuple[float, float, float, float]
    look: np.ndarray | None

    def is_seen(
        self, frame_index: int, box: tuple[float, float, float, float], look: np.ndarray | None
    ) -> None:
        self.frame_index, self.box = frame_index, box
        if self.look is not None and look is not None:
            mixed = KEPT_OF_APPEARANCE * self.look + (1 - KEPT_OF_APPEARANCE) * look
            length = np.linalg.norm(mixed)
            self.look = mixed / length if length > 0 else look


def _directions(appearances: npt.ArrayLike | None, num_detections: int) -> np.ndarray | None:
    """float32 [num_detections, size], unit length, after every check."""
    if appearances is None:
        return None
    looks = np.asarray(appearances, np.float32)
    if looks.ndim != 2 or len(looks) != num_detections:
        raise ValueError(
            f"appearances must hold one row for each of the {num_detections} detections, received shape "
            f"{looks.shape}."
        )
    lengths = np.linalg.norm(looks, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not (lengths > 0).all():
        bad = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
        raise ValueError(f"appearances must be finite and not all 0, see rows {bad[:5].tolist()}.")
    return looks / lengths


def _by_frame(detections: Sequence[Detection]) -> list[tuple[int, list[int]]]:
    """The numbers of the detections of each frame, in one order however they were listed."""
    frames: dict[int, list[int]] = {}
    for number in sorted(
        range(len(detections)), key=lambda d: (detections[d].frame_index, detections[d].box)
    ):
        frames.setdefault(detections[number].frame_index, []).append(number)
    return list(frames.items())
