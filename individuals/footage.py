"""Individuals in a set of videos: first within each video, then across them."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from individuals.group import LARGE, Conflict, check_qualities, group_rows
from individuals.grouping.constraints import Constraints, check_constraints
from individuals.grouping.count_interval import CountInterval, count_interval, num_certain
from individuals.grouping.decision import Decision, decide_by
from individuals.sighting_table import SightingTable
from inference.calibrate.calibration import Calibration
from inference.embeddings import check_embeddings
from inference.modalities import Modality


@dataclass(frozen=True, eq=False)
class IndividualCount:
    """How many individuals there are in some footage, and which rows show which.

    Attributes:
        num_individuals: int, over all videos.
        per_video: dict of video to int, the individuals seen in it (0 for a video in which nothing was seen).
        labels: int32 [num], the individual of each row, numbered from 0 by first appearance.
        links: dict of individual to tuple of the videos it is seen in, for each individual in two or more.
        conflicts: tuple of Conflict: pairs that look like one individual but were seen together, for a person
            to look at.
        threshold: float, the mean cosine similarity from which groups were joined; NaN where several
            modalities were joined by log-odds.
        interval: CountInterval of `num_individuals`; None where the detector could not work.
        intervals: dict of video to the CountInterval of its number, or None likewise.
        estimand: str, what the number estimates. It is no estimate of a population.
    """

    num_individuals: int
    per_video: dict[Hashable, int]
    labels: np.ndarray
    links: dict[int, tuple[Hashable, ...]]
    conflicts: tuple[Conflict, ...]
    threshold: float
    interval: CountInterval | None
    intervals: Mapping[Hashable, CountInterval | None]
    estimand: str = "distinct individuals in this footage"


def group_videos(
    embeddings: npt.ArrayLike,
    videos: Sequence[Hashable],
    *,
    threshold: float | None = None,
    calibration: Calibration | None = None,
    modalities: Sequence[Modality] | Modality = "image",
    frames: Sequence[Hashable | None] | None = None,
    tracklets: Sequence[Hashable | None] | None = None,
    qualities: npt.ArrayLike | None = None,
    must_link: Iterable[tuple[int, int]] = (),
    cannot_link: Iterable[tuple[int, int]] = (),
    all_videos: Iterable[Hashable] = (),
) -> IndividualCount:
    """Count individuals per video and link them across videos.

    Rows of each video are grouped on their own (`group_individuals`); the groups are then linked across
    videos in the same way and under the same constraints, by the mean over pairs of their observations.
    Grouping everything at once would let look-alikes of different places draw groups together before each
    video has its say. Two groups of one video may still become one through a third video, unless they were
    seen together.

    Each number has an interval: see `count_interval`. Without a calibration it is the bounds, from the
    animals that were seen together to the number of tracklets.

    Embeddings and options are those of `group_individuals`, but for these:
        videos: num hashable values, the video of each row (such as its path).
        frames: num frame numbers within the video, or None for a row that belongs to no frame.
        tracklets: num tracklet numbers within the video, or None for a row without one.
        all_videos: videos to report even if no row is of them.
    Raises:
        ValueError: as `group_individuals`; all contradictions of all videos in one message.
    """
    checked = check_embeddings(embeddings)
    decision = decide_by(threshold, calibration, modalities, checked)
    weights = check_qualities(qualities, len(checked))
    tied, cannot, looked_at = list(must_link), list(cannot_link), list(all_videos)
    tracklets = _within_video("tracklets", tracklets, videos, len(checked))
    frames = _within_video("frames", frames, videos, len(checked))
    check = partial(
        check_constraints, len(checked), cannot_link=cannot, tracklets=tracklets, frames=frames
    )
    vectors = np.asarray(checked, np.float32 if len(checked) > LARGE else np.float64)
    given = known = check(must_link=tied)
    has_links_across = bool(tied)
    rows_of: dict[Hashable, list[int]] = {}
    for row, video in enumerate(videos):
        rows_of.setdefault(video, []).append(row)
    if len(rows_of) > 1:
        for rows in rows_of.values():
            tied += _ties_within(vectors, np.array(rows), decision, known, weights)
            if has_links_across:  # what this video ties together may concern the next
                known = check(must_link=tied)
    grouping = group_rows(vectors, decision, check(must_link=tied), weights)
    seen_in = {video: np.unique(grouping.labels[rows]) for video, rows in rows_of.items()}
    every = np.arange(len(checked))
    return IndividualCount(
        num_individuals=grouping.num_individuals,
        per_video=dict.fromkeys(looked_at, 0)
        | {video: len(seen) for video, seen in seen_in.items()},
        labels=grouping.labels,
        links=_links(seen_in),
        conflicts=grouping.conflicts,
        threshold=grouping.threshold,
        interval=_interval(grouping.num_individuals, every, given, decision),
        intervals={video: _interval(0, every[:0], given, decision) for video in looked_at}
        | {
            video: _interval(len(seen_in[video]), np.array(rows), given, decision)
            for video, rows in rows_of.items()
        },
    )


def group_sightings(
    table: SightingTable,
    all_videos: Iterable[str] = (),
    *,
    threshold: float | None = None,
    calibration: Calibration | None = None,
    must_link: Iterable[tuple[int, int]] = (),
    cannot_link: Iterable[tuple[int, int]] = (),
) -> IndividualCount:
    """The individuals among the sightings of some videos, by the options of `group_videos`."""
    group_of = table.group_of(table.tracklet_groups())
    apart = table.seen_together(group_of)
    return group_videos(
        table.embeddings,
        [s.media for s in table.sightings],
        threshold=threshold,
        calibration=calibration,
        modalities=[s.modality for s in table.sightings],
        tracklets=group_of,
        qualities=table.qualities(),
        must_link=must_link,
        cannot_link=[*(rows for one, other, rows in apart if one != other), *cannot_link],
        all_videos=all_videos,
    )


def _interval(
    num_found: int, rows: np.ndarray, known: Constraints, decision: Decision
) -> CountInterval:
    """Of the individuals among these rows, by what was known before anything was compared."""
    here = np.unique(known.component_of[rows])
    apart = known.component_of[known.cannot_link]
    if len(rows) < len(known.component_of):
        apart = apart[np.isin(apart, here).all(axis=1)]
    return count_interval(
        num_found,
        () if decision.rule is None else decision.rule.trials,
        minimum=num_certain(len(here), np.unique(np.sort(apart, axis=1), axis=0)),
        maximum=len(here),
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


def _ties_within(
    vectors: np.ndarray,
    rows: np.ndarray,
    decision: Decision,
    known: Constraints,
    weights: np.ndarray | None,
) -> list[tuple[int, int]]:
    """Pairs of rows that tie together each individual of one video, by all that is known of all videos."""
    component_of = known.component_of[rows]
    here, first = np.unique(component_of, return_index=True)
    together = first[np.searchsorted(here, component_of)]
    apart = known.component_of[known.cannot_link]
    apart = apart[np.isin(apart, here).all(axis=1)]
    constraints = check_constraints(
        len(rows),
        must_link=enumerate(together.tolist()),
        cannot_link=first[np.searchsorted(here, apart)].tolist(),
        tracklets=known.tracklet_of[rows].tolist(),
    )
    grouping = group_rows(
        vectors[rows],
        decision.of_rows(rows),
        constraints,
        None if weights is None else weights[rows],
    )
    return [
        (int(rows[group[0]]), int(rows[row])) for group in grouping.members() for row in group[1:]
    ]


def _links(seen_in: dict[Hashable, np.ndarray]) -> dict[int, tuple[Hashable, ...]]:
    videos_of: dict[int, list[Hashable]] = {}
    for video, individuals in seen_in.items():
        for individual in individuals.tolist():
            videos_of.setdefault(individual, []).append(video)
    return {who: tuple(seen) for who, seen in sorted(videos_of.items()) if len(seen) > 1}
