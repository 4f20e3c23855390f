"""From a count to the record that all outputs take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from individuals.identified_sighting import IdentifiedSighting
from individuals.outputs.media_details import MediaDetails

if TYPE_CHECKING:
    from individuals.count import VideoCount

Grain = Literal["tracklet", "detection"]


def identified_sightings(
    counted: VideoCount,
    *,
    each: Grain = "tracklet",
    details: Mapping[str, MediaDetails] | None = None,
    names: Mapping[str, str] | None = None,
    frame_sizes: Mapping[str, tuple[int, int]] | None = None,
) -> list[IdentifiedSighting]:
    """Who was seen in the videos of a count, when and where, in the order of the videos and of time.

    Args:
        counted: from `count_individuals`.
        each: "tracklet" gives one sighting from the first to the last detection of the animal, with the box
            of the best that was embedded; of one that was heard too, only from the first to the last that
            was embedded, as far as its sound was listened to. "detection" gives one sighting for each.
        details: what is known of the videos, by their paths as they were counted; see `read_media_details`.
        names: what to call individuals, by their numbers as text ("0", "1", ...).
        frame_sizes: (width, height) in pixels of each video, by path; outputs that scale boxes need it.
    Returns:
        Sightings; `similarity` is the mean cosine to the individual's other tracklets, None if it has
        only one.
    Raises:
        ValueError: each is unknown.
    """
    if each not in ("tracklet", "detection"):
        raise ValueError(f"each must be 'tracklet' or 'detection', received {each!r}.")
    rows = list(_rows(counted))
    spans = {
        (str(seen.video), tracklet): span
        for seen in counted.sightings
        for tracklet, span in getattr(seen, "spans_seconds", {}).items()
    }
    similarities = _similarities(counted, rows)
    groups: dict[tuple[object, ...], list[int]] = {}
    for position, row in enumerate(rows):
        key = (row.video, row.tracklet, row.individual)
        groups.setdefault(key if each == "tracklet" else (position,), []).append(position)
    found = []
    for members in groups.values():
        best = rows[max(members, key=lambda m: (rows[m].quality or 0.0, rows[m].score))]
        known = (details or {}).get(best.video, MediaDetails())
        size = (frame_sizes or {}).get(best.video)
        modalities = {rows[m].modality for m in members}
        times = [rows[m].time_seconds for m in members]
        if each == "tracklet" and modalities == {"image"}:
            times += spans.get((best.video, best.tracklet), ())
        found.append(
            IdentifiedSighting(
                individual=str(best.individual),
                media=best.video,
                start_seconds=min(times),
                end_seconds=max(times),
                modality=modalities.pop() if len(modalities) == 1 else "fused",  # type: ignore[arg-type]  # checked by the record itself
                name=(names or {}).get(str(best.individual)),
                captured_at=known.captured_at,
                frame_index=best.frame_index,
                box=best.box,
                frame_width_px=None if size is None else size[0],
                frame_height_px=None if size is None else size[1],
                tracklet=best.tracklet,
                similarity=similarities.get((best.video, best.tracklet)),
                quality=best.quality,
                occasion=known.occasion,
                deployment=known.deployment,
                place=known.place,
            )
        )
    order = {video: number for number, video in enumerate(counted.per_video)}
    return sorted(found, key=lambda s: (order[s.media], s.start_seconds, s.end_seconds))


@dataclass(frozen=True)
class _Row:
    """A detection that was embedded, and who it is."""

    video: str
    individual: int
    tracklet: int
    time_seconds: float
    frame_index: int
    box: tuple[float, float, float, float]
    score: float
    quality: float | None
    modality: str


def _rows(counted: VideoCount) -> Iterator[_Row]:
    labels = iter(counted.count.labels)
    for sightings in counted.sightings:
        num = len(sightings.detections)
        qualities = getattr(sightings, "qualities", [None] * num)
        modalities = getattr(sightings, "modalities", ["image"] * num)
        for number, detection in enumerate(sightings.detections):
            quality = qualities[number]
            yield _Row(
                str(sightings.video),
                int(next(labels)),
                int(sightings.tracklets[number]),
                float(detection.time_seconds),
                int(detection.frame_index),
                detection.box,
                float(detection.score),
                None if quality is None else float(quality),
                str(modalities[number]),
            )


def _similarities(counted: VideoCount, rows: Sequence[_Row]) -> dict[tuple[str, int], float]:
    """The mean cosine of each tracklet's embeddings to those of its individual's other tracklets."""
    if not rows:
        return {}
    embeddings = np.concatenate(
        [np.asarray(sightings.embeddings, np.float64) for sightings in counted.sightings]
    )
    sums: dict[tuple[str, int], np.ndarray] = {}
    sizes: dict[tuple[str, int], int] = {}
    whose: dict[tuple[str, int], int] = {}
    for row, embedding in zip(rows, embeddings, strict=True):
        key = (row.video, row.tracklet)
        sums[key] = sums.get(key, 0.0) + embedding
        sizes[key] = sizes.get(key, 0) + 1
        whose[key] = row.individual
    totals: dict[int, np.ndarray] = {}
    numbers: dict[int, int] = {}
    for key, individual in whose.items():
        totals[individual] = totals.get(individual, 0.0) + sums[key]
        numbers[individual] = numbers.get(individual, 0) + sizes[key]
    similarities = {}
    for key, individual in whose.items():
        num_others = numbers[individual] - sizes[key]
        if num_others:
            mean = sums[key] @ (totals[individual] - sums[key]) / (sizes[key] * num_others)
            similarities[key] = float(np.clip(mean, -1, 1))
    return similarities
