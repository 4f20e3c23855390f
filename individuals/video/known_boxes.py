"""The boxes that a detection file has of one video, as a detector; and which entries are of which video."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np

from individuals.video.detection import Detection
from individuals.video.layouts import is_video_name
from media import Moment, UnreadableMediaError, probe_video
from media.wording import some_names

SHAPE_TOLERANCE = 0.02  # of width / height, between the file's frames and the video's


@dataclass(frozen=True, eq=False)
class KnownBoxes:
    """A detector of one video that looks up what a file has."""

    frame_indices: np.ndarray  # int64 [num_boxes], the video's own frame numbers, from 0
    boxes: np.ndarray  # float64 [num_boxes, 4], left, top, right, bottom
    scores: np.ndarray  # float64 [num_boxes] in [0, 1]
    are_shares: bool  # whether the boxes are in [0, 1] of the frame; else in pixels
    # width and height of the frames that the detector looked at; None where the file does not tell
    size: tuple[float, float] | None = None
    num_frames_processed: int = 0  # how many those were; 0 where the file does not tell
    failure: str | None = None  # why the detector could not look at the video; None if it could
    frames_per_second: float | None = None  # of the video; None where it is not known
    notes: tuple[str, ...] = field(default=())  # what a reader of the answer should know

    def __call__(self, moments: Sequence[Moment]) -> list[Detection]:
        """What the file has of these frames; frames that it does not know give nothing."""
        found = []
        for moment in moments:
            height, width = moment.frame.shape[:2]
            is_here = self.frame_indices == moment.frame_index
            scale = np.array([width, height] * 2) if self.are_shares else np.ones(4)
            boxes = (self.boxes[is_here] * scale).clip(0, [width, height] * 2).tolist()
            for box, score in zip(boxes, self.scores[is_here].tolist(), strict=True):
                if box[0] < box[2] and box[1] < box[3]:
                    found.append(Detection(moment.frame_index, moment.time_seconds, (*box,), score))
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
            ValueError: they are of frames of another shape, or all lie outside of this video's.
            UnreadableMediaError: the video cannot be decoded, or could not be by the detector.
        """
        if self.failure is not None:
            reason = f"the detector could not use it ({self.failure}), so it has no detections"
            raise UnreadableMediaError(Path(video), reason)
        info = probe_video(video)
        fitted = replace(self, frames_per_second=info.average_frames_per_second)
        if self.size is not None and self.size != (info.width, info.height):
            width, height = self.size
            if abs(width / height / (info.width / info.height) - 1) > SHAPE_TOLERANCE:
                turned = " after its rotation" if info.rotation_degrees % 360 else ""
                raise ValueError(
                    f"The boxes of '{video}' are of frames of {width:g} x {height:g} pixels, the video's are "
                    f"{info.width} x {info.height}{turned}. Detect in this very video, upright."
                )
            scale = np.array([info.width / width, info.height / height] * 2)
            fitted = replace(fitted, boxes=self.boxes if self.are_shares else self.boxes * scale)
        limits = np.ones(2) if self.are_shares else np.array([info.width, info.height])
        is_inside: np.ndarray = np.all(
            (fitted.boxes[:, :2] < limits) & (fitted.boxes[:, 2:] > 0), axis=1
        )
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


def match_videos(videos: Sequence[str | Path], names: Iterable[str], source: str) -> dict[str, str]:
    """The path of each video's entry, by the video's path as given.

    An entry is of a video if its path is the end of the video's: the entry `site/monday.mp4` is of
    `/data/site/monday.mp4`, and not of `/data/other/monday.mp4`. Or the path as it was given is the end of
    one entry's: `monday.mp4`, given from within its folder, finds the entry `/card/site/monday.mp4`. A
    folder of frames may lack the video's extension. One empty name is the only video that the file is of.

    Raises:
        ValueError: videos with no entry or several, or entries of several videos; all in one message.
    """
    listed = list(names)
    if listed == [""]:
        if len(videos) > 1:
            raise ValueError(
                f"{source} names no video, so that it can be of one only; received {len(videos)} videos. "
                "Give one at a time, or put frames into folders named after their videos."
            )
        return {str(video): "" for video in videos}
    listed = [name for name in listed if name]
    found: dict[str, str] = {}
    problems = []
    for video in videos:
        entries = entries_of(video, listed)
        if len(entries) == 1:
            found[str(video)] = entries[0]
        else:
            problems.append(_problem(video, entries, listed))
    for entry in sorted(set(found.values())):
        takers = [video for video, name in found.items() if name == entry]
        if len(takers) > 1:
            problems.append(f"the entry '{entry}' fits {' and '.join(map(repr, takers))}")
    if problems:
        raise ValueError(
            f"{source} does not fit the videos:\n  - "
            + "\n  - ".join(problems)
            + "\nAn entry's path must be the end of the video's path; give videos with the folders that the "
            "file names, or leave those out that the detector has not seen."
        )
    return found


def entries_of(video: str | Path, names: Sequence[str]) -> list[str]:
    """Which of the names may be of this file: one, none, or several that cannot be told apart."""
    given, whole = _parts(str(video)), _parts(str(Path(video).absolute()))
    parts = {name: _parts(name) for name in names}
    ends = [n for n in names if len(parts[n]) <= len(whole) and _is_same(parts[n], whole, n)]
    if ends:
        longest = max(len(parts[name]) for name in ends)
        return [name for name in ends if len(parts[name]) == longest]
    return [n for n in names if len(given) <= len(parts[n]) and _is_same(parts[n], given, n)]


def _is_same(entry: tuple[str, ...], video: tuple[str, ...], name: str) -> bool:
    """Whether both are one path from their ends on, as far as the shorter goes."""
    (own, file), *folders = zip(reversed(entry), reversed(video), strict=False)
    is_same_file = own == file or (not is_video_name(name) and own == PurePosixPath(file).stem)
    return is_same_file and all(one == other for one, other in folders)


def _parts(path: str) -> tuple[str, ...]:
    """The parts of a path of any system, letters composed alike; `.` and `..` at the start dropped."""
    composed = unicodedata.normalize("NFC", path.replace("\\", "/"))
    parts = [part for part in composed.split("/") if part not in ("", ".")]
    while parts and parts[0] == "..":
        parts.pop(0)
    return tuple(parts)


def _problem(video: str | Path, entries: Sequence[str], names: Sequence[str]) -> str:
    if entries:
        return f"'{video}' may be any of {some_names(entries)}"
    alike = [name for name in names if name and _parts(name)[-1] == _parts(str(video))[-1]]
    if alike:
        return f"'{video}' is in none of its folders; the same file name is in {some_names(alike)}"
    return f"'{video}' is not in it; it has {some_names(names) or 'no video at all'}"
