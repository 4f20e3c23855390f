"""`count_individuals`: from video files to how many individuals there are, and which are the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from fused_encoder.media import UnreadableMediaError
from inference.embed import Embedder
from inference.embeddings import concatenate_embeddings
from inference.footage import IndividualCount, group_videos
from inference.grouping.decision import check_threshold
from inference.video.detectors import Detector, DetectorName, find_detector
from inference.video.sightings import Sightings, find_sightings

MIN_DETECTIONS_OF_MOTION = 3


@dataclass(frozen=True)
class SkippedVideo:
    """A video that could not be used, and why.

    Args:
        path: the file.
        reason: what is wrong with it.
    """

    path: Path
    reason: str


@dataclass(frozen=True)
class VideoCount:
    """How many individuals some videos show, and the evidence.

    Args:
        count: the numbers, links and conflicts; videos are named by their paths as given.
        sightings: of each video that could be read.
        skipped: the others.
        notes: what a reader of the numbers should know.
    """

    count: IndividualCount
    sightings: tuple[Sightings, ...]
    skipped: tuple[SkippedVideo, ...]
    notes: tuple[str, ...]

    @property
    def num_individuals(self) -> int:
        """Distinct individuals in all videos together."""
        return self.count.num_individuals

    @property
    def per_video(self) -> dict[str, int]:
        """Distinct individuals in each video."""
        return {str(video): number for video, number in self.count.per_video.items()}

    def individuals_in(self, video: str) -> list[int]:
        """The individuals seen in a video, by their numbers."""
        return sorted(
            {
                int(individual)
                for individual, (name, _, _) in zip(self.count.labels, self._rows(), strict=True)
                if name == video
            }
        )

    def to_dict(self) -> dict[str, object]:
        """Everything as JSON takes it: numbers, links, and when and where each individual was seen."""
        seen: dict[int, list[dict[str, object]]] = {}
        for label, (video, sightings, row) in zip(self.count.labels, self._rows(), strict=True):
            detection = sightings.detections[row]
            seen.setdefault(int(label), []).append(
                {
                    "video": video,
                    "time_seconds": float(detection.time_seconds),
                    "box": [float(side) for side in detection.box],
                    "tracklet": sightings.tracklets[row],
                }
            )
        return {
            "estimand": self.count.estimand,
            "num_individuals": self.num_individuals,
            "per_video": self.per_video,
            "links": {str(k): list(v) for k, v in self.count.links.items()},
            "threshold": self.count.threshold,
            "sightings": {str(individual): rows for individual, rows in sorted(seen.items())},
            "num_conflicts": len(self.count.conflicts),
            "skipped": [{"path": str(s.path), "reason": s.reason} for s in self.skipped],
            "notes": list(self.notes),
        }

    def _rows(self) -> list[tuple[str, Sightings, int]]:
        return [(str(s.video), s, row) for s in self.sightings for row in range(len(s.detections))]


def count_individuals(
    videos: Sequence[str | Path],
    embedder: Embedder,
    *,
    threshold: float | None = None,
    detector: DetectorName | Detector = "motion",
    frames_per_second: float = 5.0,
    progress: bool = False,
) -> VideoCount:
    """Distinct individuals in each video, and which are the same across videos.

    Animals are detected, followed from frame to frame, cropped and embedded; embeddings are grouped
    within each video, then across videos, by sight alone: the sound of a place is rarely that of the
    animal in view, and similarities with and without sound do not compare. Two animals in one frame are
    never one individual. What is counted is distinct individuals in this footage, as far as the encoder
    tells individuals apart: one that was trained on species counts kinds.

    Args:
        videos: files.
        embedder: of an encoder that was trained on individuals.
        threshold: float in [-1, 1], mean cosine similarity from which two groups of sightings are one
            individual. Default: the encoder's own, from its export.
        detector: "motion" finds what moves before a still camera; "whole" takes each frame as one
            sighting, for footage of one animal at a time; or a function of moments, or what
            `load_detections` gives. With "motion", what was seen in fewer than three frames is left out.
        frames_per_second: float > 0, frames that are looked at.
        progress: whether to show a bar.

    Returns:
        `VideoCount`; a video that cannot be decoded is skipped and listed.

    Raises:
        ValueError: no videos, equal paths, an unknown detector; or no threshold, and none in the encoder.
        FileNotFoundError: a video does not exist.
    """
    names = [str(video) for video in videos]
    _check(names)
    find = find_detector(detector, names)
    limit = _threshold(embedder, threshold)
    sightings: list[Sightings] = []
    skipped: list[SkippedVideo] = []
    for name in tqdm(names, "count", unit="video", disable=not progress):
        try:
            sightings.append(
                find_sightings(
                    name,
                    embedder,
                    find,
                    frames_per_second=frames_per_second,
                    min_detections=MIN_DETECTIONS_OF_MOTION if detector == "motion" else 1,
                    follow=detector != "whole",
                )
            )
        except UnreadableMediaError as error:
            skipped.append(SkippedVideo(error.path, error.reason))
    read = [str(s.video) for s in sightings]
    count = group_videos(
        concatenate_embeddings(
            [embedder.embed_features([], []), *(s.embeddings for s in sightings)]
        ),
        [str(s.video) for s in sightings for _ in s.detections],
        threshold=limit,
        frames=[d.frame_index for s in sightings for d in s.detections],
        tracklets=[t for s in sightings for t in s.tracklets],
        cannot_link=list(_seen_together(sightings)),
        all_videos=read,
    )
    return VideoCount(
        count, tuple(sightings), tuple(skipped), tuple(_notes(count, detector, sightings))
    )


def _seen_together(sightings: Sequence[Sightings]) -> Iterator[tuple[int, int]]:
    """Pairs of rows of tracklets that were in one frame; a tracklet's rows are one individual anyway."""
    start = 0
    for seen in sightings:
        first_row = {t: start + row for row, t in reversed(list(enumerate(seen.tracklets)))}
        for tracklet, other in seen.seen_together:
            if tracklet in first_row and other in first_row:
                yield first_row[tracklet], first_row[other]
        start += len(seen.detections)


def _check(names: list[str]) -> None:
    if not names:
        raise ValueError("Expected at least one video, received none.")
    missing = [name for name in names if not Path(name).exists()]
    if missing:
        raise FileNotFoundError(f"No such video: {', '.join(missing)}.")
    files = [Path(name).resolve() for name in names]
    repeated = sorted({n for n, file in zip(names, files, strict=True) if files.count(file) > 1})
    if repeated:
        raise ValueError(f"Videos are given more than once: {', '.join(repeated)}.")


def _threshold(embedder: Embedder, threshold: float | None) -> float:
    if threshold is not None:
        check_threshold(threshold)
        return threshold
    if "image" not in embedder.settings.thresholds:
        raise ValueError(
            "The encoder carries no similarity threshold for 'image' embeddings. Pass threshold=..., or "
            "export it with thresholds (`fused-encoder export` measures them on the held-out files)."
        )
    return embedder.settings.thresholds["image"]


def _notes(
    count: IndividualCount, detector: DetectorName | Detector, sightings: Sequence[Sightings]
) -> list[str]:
    notes = [f"{seen.video}: {note}" for seen in sightings for note in seen.notes]
    empty = [str(video) for video, number in count.per_video.items() if number == 0]
    if empty and detector == "motion":
        notes.append(
            f"nothing was seen to move in {', '.join(empty)}: an animal that keeps still, or a moving "
            "camera, needs another detector ('whole', or your own)."
        )
    if detector == "whole":
        notes.append(
            "each frame was taken as one sighting: several animals in one frame are counted as one."
        )
    if count.conflicts:
        notes.append(
            f"{len(count.conflicts)} pairs look like one individual but were seen in one frame: "
            "they were kept apart."
        )
    return notes
