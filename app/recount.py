"""A count with a person's answers, as `count_individuals` would have given it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from app.count_folder import COUNT_FILE
from individuals.catalogue import CountedSightings, Sighting
from individuals.count import SkippedVideo, VideoCount
from individuals.footage import IndividualCount
from individuals.video.detection import Detection
from individuals.video.sightings import Sightings
from inference.embeddings import Embeddings

IMAGE_SIZE = (224, 224)


def recount(folder: Path, counted: CountedSightings, count: IndividualCount) -> VideoCount:
    """The count of a folder after its review; crops come from their files.

    Args:
        folder: that `count --out` wrote.
        counted: with the answers.
        count: of it, from `regroup`.
    """
    before = json.loads((folder / COUNT_FILE).read_text(encoding="utf-8"))
    skipped = tuple(SkippedVideo(Path(s["path"]), s["reason"]) for s in before["skipped"])
    told = f"a person's answers are in these numbers: {len(counted.must_link)} same, "
    told += f"{len(counted.cannot_link)} different."
    notes = [note for note in before["notes"] if not note.startswith("a person's answers are in")]
    rows_of: dict[str, list[int]] = {video: [] for video in counted.all_videos}
    for row, sighting in enumerate(counted.table.sightings):
        rows_of[sighting.media].append(row)
    sightings = tuple(_sightings(folder, counted, video, rows) for video, rows in rows_of.items())
    return VideoCount(count, sightings, skipped, (*notes, told))


def _sightings(folder: Path, counted: CountedSightings, video: str, rows: list[int]) -> Sightings:
    embeddings = counted.table.embeddings
    seen = [counted.table.sightings[row] for row in rows]
    together = {
        (min(pair), max(pair))
        for sighting in seen
        for pair in [(sighting.tracklet or 0, other) for other in sighting.seen_with]
    }
    return Sightings(
        Path(video),
        Embeddings.of(embeddings[rows], embeddings.fingerprint),
        tuple(map(_detection, seen)),
        tuple(s.tracklet or 0 for s in seen),
        tuple(_crop(folder, s) for s in seen),
        tuple(sorted(together)),
        tuple(1.0 if s.quality is None else s.quality for s in seen),
        modalities=tuple(s.modality for s in seen),
        spans_seconds={s.tracklet or 0: s.span_seconds for s in seen if s.span_seconds is not None},
    )


def _detection(sighting: Sighting) -> Detection:
    """What `save_counted_sightings` kept of it; every sighting of a count has a moment and a box."""
    if sighting.frame is None or sighting.time_seconds is None or sighting.box is None:
        raise ValueError(f"'{sighting.key}' is not a sighting of a count: it has no frame or box.")
    score = 1.0 if sighting.score is None else sighting.score
    return Detection(sighting.frame, sighting.time_seconds, sighting.box, score)


def _crop(folder: Path, sighting: Sighting) -> np.ndarray:
    """RGB; grey where the file is gone."""
    import cv2

    path = folder / (sighting.crop or "")
    if path.is_file():
        content = np.frombuffer(path.read_bytes(), np.uint8)
        bgr = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
        if bgr is not None:
            return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    return np.full((*IMAGE_SIZE, 3), 128, np.uint8)
