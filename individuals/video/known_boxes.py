"""The boxes that a detection file has of one video, as a detector that says which frames it knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from individuals.video.detection import Detection
from media import Moment, UnreadableMediaError, probe_video

SHAPE_TOLERANCE = 0.02  # of width / height, between the file's frames and the video's


@dataclass(frozen=True, eq=False)
class KnownBoxes:
    """A detector of one video that looks up what a file has; a function of moments, as all detectors.

    Args:
        frame_indices: int64 [num_boxes], the video's own frame numbers, from 0.
        boxes: float64 [num_boxes, 4], left, top, right, bottom.
        scores: float64 [num_boxes] in [0, 1].
        are_shares: whether the boxes are in [0, 1] of the frame; else in pixels.
        size: width and height of the frames that the detector looked at; None where the file does not tell.
        num_frames_processed: how many those were; 0 where the file does not tell.
        failure: why the detector could not look at the video; None if it could.
        frames_per_second: of the video; None where it is not known.
        notes: what a reader of the answer should know.
    """

    frame_indices: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    are_shares: bool
    size: tuple[float, float] | None = None
    num_frames_processed: int = 0
    failure: str | None = None
    frames_per_second: float | None = None
    notes: tuple[str, ...] = field(default=())

    def __call__(self, moments: Sequence[Moment]) -> list[Detection]:
        """What the file has of these frames; frames that it does not know give nothing."""
        found = []
        for moment in moments:
            height, width = moment.frame.shape[:2]
            scale = np.array([width, height] * 2) if self.are_shares else np.ones(4)
            for row in np.flatnonzero(self.frame_indices == moment.frame_index):
                box = (self.boxes[row] * scale).clip(0, [width, height] * 2)
                if (box[:2] < box[2:]).all():
                    left, top, right, bottom = box.tolist()
                    found.append(
                        Detection(
                            moment.frame_index,
                            moment.time_seconds,
                            (left, top, right, bottom),
                            float(self.scores[row]),
                        )
                    )
        return found

    def frames_to_look_at(self, frames_per_second: float) -> frozenset[int]:
        """The frames with boxes, thinned to about so many per second where there are more."""
        frames = np.unique(self.frame_indices)
        if self.frames_per_second is not None:
            turn = np.floor(frames * (frames_per_second / self.frames_per_second) + 1e-3)
            frames = frames[np.unique(turn, return_index=True)[1]]
        return frozenset(frames.tolist())

    def fitted_to(self, video: str | Path) -> KnownBoxes:
        """The same boxes, checked against the video and in its pixels.

        Raises:
            ValueError: the frames that the detector looked at have another shape, or every box lies
                outside of this video's frames.
            UnreadableMediaError: the video cannot be decoded, or could not be by the detector.
        """
        if self.failure is not None:
            raise UnreadableMediaError(
                Path(video),
                f"the detector could not use it ({self.failure}), so it has no detections",
            )
        info = probe_video(video)
        fitted = replace(self, frames_per_second=info.average_frames_per_second)
        if self.size is not None and self.size != (info.width, info.height):
            width, height = self.size
            if abs(width / height / (info.width / info.height) - 1) > SHAPE_TOLERANCE:
                raise ValueError(
                    f"The boxes of '{video}' are of frames of {width:g} x {height:g} pixels, the video's are "
                    f"{info.width} x {info.height}"
                    + (" after its rotation" if info.rotation_degrees % 360 else "")
                    + ". Detect in this very video, upright."
                )
            scale = np.array([info.width / width, info.height / height] * 2)
            fitted = replace(fitted, boxes=self.boxes if self.are_shares else self.boxes * scale)
        limits = np.ones(2) if self.are_shares else np.array([info.width, info.height])
        starts_inside, ends_inside = fitted.boxes[:, :2] < limits, fitted.boxes[:, 2:] > 0
        is_inside: np.ndarray = np.all(starts_inside & ends_inside, axis=1)
        if len(is_inside) and not is_inside.any():
            raise ValueError(
                f"All {len(is_inside)} boxes of '{video}' lie outside of its frames of {info.width} x "
                f"{info.height} pixels. They may be of another video, or of larger frames."
            )
        notes = list(self.notes)
        if not is_inside.all():
            notes.append(f"{(~is_inside).sum()} boxes lie outside of the frame and are left out.")
        num_frames = len(np.unique(self.frame_indices))
        if num_frames == 1 < self.num_frames_processed:
            notes.append(
                f"only 1 of {self.num_frames_processed} processed frames has detections in the file, as "
                "MegaDetector writes by default: animals cannot be followed. Ask it for all frames "
                "(--include_all_processed_frames)."
            )
        return replace(
            fitted,
            frame_indices=self.frame_indices[is_inside],
            boxes=fitted.boxes[is_inside],
            scores=self.scores[is_inside],
            notes=tuple(notes),
        )
