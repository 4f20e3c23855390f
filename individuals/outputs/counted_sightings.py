"""From a count to the sightings that are written: one for each tracklet, with who it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from individuals.outputs.media_details import MediaDetails
from individuals.sighting import Sighting

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
) -> list[Sighting]:
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
    table, labels = counted.table, counted.count.labels
    groups = table.tracklet_groups()
    similarities = _similarities(np.asarray(table.embeddings, np.float64), labels, groups)
    found = []
    for group, similarity in zip(groups, similarities, strict=True):
        for rows in [group] if each == "tracklet" else [[row] for row in group]:
            individual = str(labels[rows[0]])
            sighting = _of_rows([table.sightings[row] for row in rows], each)
            width, height = (frame_sizes or {}).get(sighting.media, (None, None))
            sighting = replace(
                sighting,
                individual=individual,
                name=(names or {}).get(individual),
                similarity=similarity,
                frame_width_px=width,
                frame_height_px=height,
                **asdict((details or {}).get(sighting.media, MediaDetails())),
            )
            found.append(sighting)
    order = {video: number for number, video in enumerate(counted.per_video)}
    return sorted(found, key=lambda s: (order[s.media], s.start_seconds, s.end_seconds))


def _of_rows(seen: list[Sighting], each: Grain) -> Sighting:
    """The best of these, from when to when all of them were seen."""
    best = max(seen, key=lambda s: (s.quality or 0.0, s.score or 0.0))
    modalities = {s.modality for s in seen}
    times = [s.time_seconds or 0.0 for s in seen]
    if each == "tracklet" and modalities == {"image"}:
        times = [time for s in seen for time in (s.start_seconds, s.end_seconds)]
    return replace(
        best,
        time_seconds=None,  # only what the written tables have columns for
        seen_with=(),
        score=None,
        crop=None,
        modality=best.modality if len(modalities) == 1 else "fused",
        start_seconds=min(times),
        end_seconds=max(times),
    )


def _similarities(
    embeddings: np.ndarray, labels: np.ndarray, groups: list[list[int]]
) -> list[float | None]:
    """The mean cosine of each group's embeddings to those of its individual's other groups."""
    totals = {label: embeddings[labels == label].sum(axis=0) for label in np.unique(labels)}
    numbers = dict(zip(*np.unique(labels, return_counts=True), strict=True))
    found: list[float | None] = []
    for rows in groups:
        label, own = labels[rows[0]], embeddings[rows].sum(axis=0)
        num_others = numbers[label] - len(rows)
        mean = own @ (totals[label] - own) / (len(rows) * max(num_others, 1))
        found.append(float(np.clip(mean, -1, 1)) if num_others else None)
    return found
