"""Individuals in a set of videos: first within each video, then across them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from inference.constraints import Constraints, check_constraints
from inference.embeddings import check_embeddings
from inference.individuals import Conflict, check_threshold, group_individuals

ESTIMAND = "distinct individuals in this footage"


@dataclass(frozen=True, eq=False)
class IndividualCount:
    """How many individuals there are in some footage, and which rows show which.

    Attributes:
        num_individuals: int, over all videos.
        per_video: dict of video to int, the individuals seen in it (0 for a video in which nothing was seen).
        labels: int32 [num], the individual of each row, numbered from 0 by first appearance.
        members: dict of individual to int64 [rows], the rows that show it.
        links: dict of individual to tuple of the videos it is seen in, for each individual in two or more.
        conflicts: tuple of Conflict: pairs that look like one individual but were seen together, for a person
            to look at.
        threshold: float, the mean cosine similarity from which groups were joined.
        estimand: str, what the number estimates. It is no estimate of a population.
    """

    num_individuals: int
    per_video: dict[Hashable, int]
    labels: np.ndarray
    members: dict[int, np.ndarray]
    links: dict[int, tuple[Hashable, ...]]
    conflicts: tuple[Conflict, ...]
    threshold: float
    estimand: str = ESTIMAND


def group_videos(
    embeddings: npt.ArrayLike,
    videos: Sequence[Hashable],
    *,
    threshold: float,
    frames: Sequence[Hashable | None] | None = None,
    tracklets: Sequence[Hashable | None] | None = None,
    must_link: Iterable[tuple[int, int]] = (),
    cannot_link: Iterable[tuple[int, int]] = (),
    all_videos: Iterable[Hashable] = (),
) -> IndividualCount:
    """Count individuals per video and link them across videos.

    Rows of each video are grouped on their own (`group_individuals`); the groups are then linked across
    videos with the same threshold and constraints, by the mean similarity over pairs of their observations.
    Grouping everything at once would let look-alikes of different places draw groups together before each
    video has its say. Two groups of one video may still become one through a third video, unless they were
    seen together.

    Args:
        embeddings: float32 [num, size], unit length.
        videos: num hashable values, the video of each row (such as its path).
        threshold: float in [-1, 1], mean cosine similarity.
        frames: num frame numbers within the video; rows of one frame are different animals. None for a row
            that belongs to no frame.
        tracklets: num tracklet numbers within the video; rows of one tracklet are one individual. None for a
            row without one.
        must_link: pairs of rows that are one individual.
        cannot_link: pairs of rows that are not.
        all_videos: videos to report even if no row is of them.
    Returns:
        IndividualCount.
    Raises:
        ValueError: as `group_individuals`; all contradictions of all videos in one message.
    """
    checked = check_embeddings(embeddings)
    check_threshold(threshold)
    tied, cannot = list(must_link), list(cannot_link)
    tracklets = _within_video("tracklets", tracklets, videos, len(checked))
    frames = _within_video("frames", frames, videos, len(checked))
    check = partial(
        check_constraints, len(checked), cannot_link=cannot, tracklets=tracklets, frames=frames
    )
    known = check(must_link=tied)
    has_links_across = bool(tied)
    rows_of = _rows_of_each(videos)
    for rows in rows_of.values():
        tied += _ties_within(checked, np.array(rows), threshold, known)
        if has_links_across:  # what this video ties together may concern the next
            known = check(must_link=tied)
    grouping = group_individuals(
        checked,
        threshold=threshold,
        must_link=tied,
        cannot_link=cannot,
        tracklets=tracklets,
        frames=frames,
    )
    seen_in = {video: np.unique(grouping.labels[rows]) for video, rows in rows_of.items()}
    return IndividualCount(
        num_individuals=grouping.num_individuals,
        per_video=dict.fromkeys(all_videos, 0)
        | {video: len(seen) for video, seen in seen_in.items()},
        labels=grouping.labels,
        members=dict(enumerate(grouping.members())),
        links=_links(seen_in),
        conflicts=grouping.conflicts,
        threshold=float(threshold),
    )


def _within_video(
    name: str, values: Sequence[Hashable | None] | None, videos: Sequence[Hashable], num: int
) -> list[Hashable | None] | None:
    """Values that are unique within a video made unique across videos; None stays None."""
    if len(videos) != num or (values is not None and len(values) != num):
        raise ValueError(
            f"videos and {name} must hold one value for each of the {num} embeddings, received {len(videos)} "
            f"videos and {'no' if values is None else len(values)} {name}."
        )
    if values is None:
        return None
    return [
        None if value is None else (video, value)
        for video, value in zip(videos, values, strict=True)
    ]


def _rows_of_each(videos: Sequence[Hashable]) -> dict[Hashable, list[int]]:
    rows_of: dict[Hashable, list[int]] = {}
    for row, video in enumerate(videos):
        rows_of.setdefault(video, []).append(row)
    return rows_of


def _ties_within(
    embeddings: np.ndarray, rows: np.ndarray, threshold: float, known: Constraints
) -> list[tuple[int, int]]:
    """Pairs of rows that tie together each individual of one video, by all that is known of all videos."""
    component_of = known.component_of[rows]
    here, first = np.unique(component_of, return_index=True)
    together = first[np.searchsorted(here, component_of)]
    apart = known.component_of[known.cannot_link]
    apart = apart[np.isin(apart, here).all(axis=1)]
    grouping = group_individuals(
        embeddings[rows],
        threshold=threshold,
        must_link=enumerate(together.tolist()),
        cannot_link=first[np.searchsorted(here, apart)].tolist(),
        tracklets=known.tracklet_of[rows].tolist(),
    )
    return [
        (int(rows[group[0]]), int(rows[row])) for group in grouping.members() for row in group[1:]
    ]


def _links(seen_in: dict[Hashable, np.ndarray]) -> dict[int, tuple[Hashable, ...]]:
    videos_of: dict[int, list[Hashable]] = {}
    for video, individuals in seen_in.items():
        for individual in individuals.tolist():
            videos_of.setdefault(individual, []).append(video)
    return {
        individual: tuple(seen) for individual, seen in sorted(videos_of.items()) if len(seen) > 1
    }
