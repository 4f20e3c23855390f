"""`count_individuals`: how many individuals some videos show, which are the same; and by what threshold."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from math import isnan
from pathlib import Path

import numpy as np
from tqdm import tqdm

from individuals.count_notes import count_notes
from individuals.footage import IndividualCount, group_sightings
from individuals.grouping.decision import check_threshold
from individuals.sighting_table import SightingTable, join_tables
from individuals.video.detectors import Detector, DetectorName, find_detector
from individuals.video.sightings import VideoSightings, find_sightings
from individuals.video.sound import Sound
from inference.calibrate.calibration import Calibration
from inference.embed import Embedder
from media import Skipped, UnreadableMediaError

MIN_DETECTIONS_OF_MOTION = 3
PATTERNS_OF_SOUND = ("image-image", "image-fused", "fused-fused")
NUM_THRESHOLDS = 41  # of a curve
REACH = 0.4  # of similarity, to either side of the chosen threshold


@dataclass(frozen=True)
class VideoCount:
    """How many individuals some videos show, and the evidence.

    Args:
        count: the numbers, links and conflicts; videos are named by their paths as given.
        table: the sightings, video by video, with their embeddings and crops.
        skipped: videos that could not be read.
        notes: what a reader of the numbers should know.
    """

    count: IndividualCount
    table: SightingTable
    skipped: tuple[Skipped, ...]
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
        labels = zip(self.count.labels.tolist(), self.table.sightings, strict=True)
        return sorted({label for label, sighting in labels if sighting.media == video})

    def to_dict(self) -> dict[str, object]:
        """Everything as JSON takes it: numbers, links, and when and where each individual was seen."""
        seen: dict[int, list[dict[str, object]]] = {}
        for label, sighting in zip(self.count.labels, self.table.sightings, strict=True):
            times = {name: getattr(sighting, name) for name in ("time_seconds", "box", "tracklet")}
            seen.setdefault(int(label), []).append({"video": sighting.media, **times})
        return {
            "estimand": self.count.estimand,
            "num_individuals": self.num_individuals,
            "interval": self.count.interval and asdict(self.count.interval),
            "per_video": self.per_video,
            "intervals": {str(v): i and asdict(i) for v, i in self.count.intervals.items()},
            "links": {str(k): list(v) for k, v in self.count.links.items()},
            "threshold": None if isnan(self.count.threshold) else self.count.threshold,
            "sightings": {str(individual): rows for individual, rows in sorted(seen.items())},
            "num_conflicts": len(self.count.conflicts),
            "skipped": [{"path": str(s.path), "reason": s.reason} for s in self.skipped],
            "notes": list(self.notes),
        }


def count_individuals(
    videos: Sequence[str | Path],
    embedder: Embedder,
    *,
    threshold: float | None = None,
    detector: DetectorName | Detector = "motion",
    frames_per_second: float = 5.0,
    sound: Sound = "none",
    must_link: Iterable[tuple[int, int]] = (),
    cannot_link: Iterable[tuple[int, int]] = (),
    progress: bool = False,
    watch: Callable[[str, float], None] | None = None,
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
            individual. Default: what the encoder's calibration does, or else its own threshold.
        detector: "motion" finds what moves before a still camera; "whole" takes each frame as one
            sighting, for footage of one animal at a time; or a function of moments, or what
            `load_detections` gives. With "motion", what was seen in fewer than three frames is left out.
        frames_per_second: float > 0, frames that are looked at.
        sound: whose the sound around a frame is: "none"; "alone": that of an animal that is alone in view,
            whose crops are then embedded together with it; or a function that says who sings. Needs a
            calibration of the patterns image-image, image-fused and fused-fused, and no threshold.
        must_link: pairs of rows of the sightings, video by video, that are one individual.
        cannot_link: pairs of rows that are not.
        progress: whether to show a bar.
        watch: called with a video and the time in seconds of each frame that is looked at; what it raises
            ends the count.
    Returns:
        `VideoCount`; a video that cannot be decoded is skipped and listed.
    Raises:
        ValueError: no videos, equal paths, an unknown detector; or no threshold, and none in the encoder.
        FileNotFoundError: a video does not exist.
    """
    names = [str(video) for video in videos]
    _check(names)
    find = find_detector(detector, names)
    threshold, calibration = _limits(embedder, threshold, sound)
    sightings: list[VideoSightings] = []
    skipped: list[Skipped] = []
    for name in tqdm(names, "count", unit="video", disable=not progress):
        try:
            seen = find_sightings(
                name,
                embedder,
                find,
                frames_per_second=frames_per_second,
                min_detections=MIN_DETECTIONS_OF_MOTION if detector == "motion" else 1,
                follow=detector != "whole",
                sound=sound,
                watch=watch,
            )
            sightings.append(seen)
        except UnreadableMediaError as error:
            skipped.append(Skipped(error.path, error.reason))
    nothing = SightingTable((), embedder.embed_features([], []))
    table = join_tables([nothing, *(seen.table for seen in sightings)])
    count = group_sightings(
        table,
        [str(seen.video) for seen in sightings],
        threshold=threshold,
        calibration=calibration,
        must_link=must_link,
        cannot_link=cannot_link,
    )
    failed = {str(seen.video) for seen in sightings if not seen.has_working_detector}
    if failed:
        kept = {v: None if v in failed else i for v, i in count.intervals.items()}
        count = replace(count, interval=None, intervals=kept)
    notes = count_notes(
        count, sightings, detector=detector, num_skipped=len(skipped), calibration=calibration
    )
    return VideoCount(count, table, tuple(skipped), notes)


@dataclass(frozen=True, eq=False)
class CountCurve:
    """The number of individuals at each of some thresholds.

    Attributes:
        thresholds: float64 [num], ascending.
        counts: int64 [num].
        chosen_threshold: float, the one that was counted by.
        chosen_count: int.
    """

    thresholds: np.ndarray
    counts: np.ndarray
    chosen_threshold: float
    chosen_count: int


def count_curve(
    counted: VideoCount,
    *,
    must_link: Iterable[tuple[int, int]] = (),
    cannot_link: Iterable[tuple[int, int]] = (),
) -> CountCurve | None:
    """Counts again at thresholds around the chosen one; where the curve is flat, little depends on it.

    Args:
        counted: from `count_individuals`.
        must_link: as it was counted.
        cannot_link: likewise.
    Returns:
        CountCurve; None where no single threshold was chosen (several modalities), or nothing was seen.
    """
    chosen = counted.count.threshold
    if np.isnan(chosen) or not counted.per_video:
        return None
    thresholds = np.linspace(max(-1.0, chosen - REACH), min(1.0, chosen + REACH), NUM_THRESHOLDS)
    tied, apart = list(must_link), list(cannot_link)
    counts = [
        group_sightings(
            counted.table, threshold=float(threshold), must_link=tied, cannot_link=apart
        ).num_individuals
        for threshold in thresholds
    ]
    return CountCurve(thresholds, np.array(counts), chosen, counted.num_individuals)


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


def _limits(
    embedder: Embedder, threshold: float | None, sound: Sound
) -> tuple[float | None, Calibration | None]:
    """What decides who is who: the caller, else the calibration, else the encoder's own threshold."""
    if threshold is not None:
        check_threshold(threshold)
        if sound != "none":
            raise ValueError(
                "One threshold cannot serve crops with and without sound, since their similarities do not "
                "compare. Leave the threshold out (the encoder's calibration decides then), or count by "
                "sight alone."
            )
        return threshold, None
    calibration = embedder.calibration
    patterns = {} if calibration is None else calibration.pairs
    missing = [pattern for pattern in PATTERNS_OF_SOUND if pattern not in patterns]
    if sound != "none" and missing:
        raise ValueError(
            f"Sound needs an encoder with a calibration of {' and '.join(missing)}. Calibrate it with photos "
            "and recordings (`fused-encoder calibrate ENCODER --images DIR --audio DIR`), or count by sight "
            "alone."
        )
    if "image-image" in patterns:
        return None, calibration
    if "image" not in embedder.settings.thresholds:
        raise ValueError(
            "The encoder carries no similarity threshold for 'image' embeddings. Pass threshold=..., or "
            "export it with thresholds (`fused-encoder export` measures them on the held-out files)."
        )
    return embedder.settings.thresholds["image"], None
