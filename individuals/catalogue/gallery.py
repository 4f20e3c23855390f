"""How near sightings come to the individuals of a catalogue."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from individuals.catalogue.catalogue_file import Owned
from individuals.catalogue.thresholds import Thresholds
from individuals.sighting import FrameName
from individuals.sighting_table import SightingTable
from inference.modalities import MODALITIES, Modality, pair_pattern

BLOCK_VALUES = 16_000_000  # similarities held at once


@dataclass(frozen=True, eq=False)
class Nearness:
    """How near each query comes to each individual."""

    # float64 [num_queries, num_individuals], by the pattern of most evidence; -inf where nothing can
    # be compared
    similarity: np.ndarray
    # int [num_queries, num_individuals], position of that pattern in `patterns`
    pattern: np.ndarray
    # float64, log-odds (similarity, if thresholds are plain) above the pattern's `known_above`
    excess: np.ndarray
    shortfall: np.ndarray  # float64, the same below its `new_below`; above 0 for what looks new
    patterns: tuple[str, ...]  # names


def compare(
    queries: SightingTable, query_of: np.ndarray, gallery: Owned, thresholds: Thresholds
) -> Nearness:
    """The similarity of each query and individual: the mean over the query's rows of its nearest sighting.

    `query_of` is int [num_rows], the query of each row of `queries`. Raises a ValueError for plain thresholds
    where several pair patterns would have to be weighed against each other.
    """
    shape = (int(query_of.max(initial=-1)) + 1, len(gallery.numbers))
    similarity, pattern = np.full(shape, -np.inf), np.zeros(shape, dtype=np.int64)
    excess, shortfall = np.full(shape, -np.inf), np.full(shape, np.inf)
    used: list[str] = []
    for name, rows, columns in _comparisons(queries, gallery, thresholds):
        found = _mean_of_nearest(queries, query_of, rows, gallery, columns, shape)
        values = thresholds.patterns[name]
        above = values.slope * (found - values.known_above)
        is_better = above > excess
        similarity[is_better], pattern[is_better] = found[is_better], len(used)
        excess[is_better] = above[is_better]
        shortfall = np.minimum(shortfall, values.slope * (values.new_below - found))
        used.append(name)
    if len(set(used)) > 1 and thresholds.calibration is None:
        raise ValueError(
            f"Similarities of {' and '.join(used)} do not compare, and plain thresholds are of one kind. "
            "Identify photos and calls on their own, against a catalogue of their kind, or use calibrated "
            "thresholds."
        )
    return Nearness(similarity, pattern, excess, shortfall, tuple(used))


def known_scores(gallery: Owned, modality: Modality, seed: int) -> np.ndarray:
    """See `Catalogue.known_scores`."""
    generator = np.random.default_rng(seed)
    embeddings, sightings = np.asarray(gallery.table.embeddings), gallery.table.sightings
    scores = []
    for individual in range(len(gallery.numbers)):
        owned = np.flatnonzero(gallery.owner_of == individual).tolist()
        rows = [row for row in owned if sightings[row].modality == modality]
        tracklets: dict[object, list[int]] = {}
        for row in rows:
            tracklets.setdefault(sightings[row].tracklet_name or row, []).append(row)
        if len({sightings[row].media for row in rows}) < 2:
            continue
        drawn = list(tracklets.values())[generator.integers(len(tracklets))]
        others = [row for row in rows if sightings[row].media != sightings[drawn[0]].media]
        scores.append(float((embeddings[drawn] @ embeddings[others].T).max(axis=1).mean()))
    return np.array(scores)


def seen_beside(
    queries: SightingTable, query_of: np.ndarray, gallery: Owned, shape: tuple[int, int]
) -> np.ndarray:
    """Individuals that a query cannot be, bool [num_queries, num_individuals]: both were in view together."""
    stored = gallery.table.sightings
    in_frame: dict[FrameName | None, list[int]] = {}
    in_tracklet: dict[FrameName, list[int]] = {}  # those of it, and those that were seen with it
    for place, sighting in enumerate(stored):
        in_frame.setdefault(sighting.frame_name, []).append(place)
        for tracklet in (sighting.tracklet, *sighting.seen_with):
            if tracklet is not None:
                in_tracklet.setdefault((sighting.media, tracklet), []).append(place)
    in_frame.pop(None, None)
    beside = np.zeros(shape, dtype=bool)
    for query, sighting in zip(query_of, queries.sightings, strict=True):
        nearby = {*in_frame.get(sighting.frame_name, ())}
        for tracklet in (sighting.tracklet, *sighting.seen_with):
            if tracklet is not None:
                nearby.update(in_tracklet.get((sighting.media, tracklet), ()))
        for place in nearby:
            if sighting.is_seen_with(stored[place]):
                beside[query, gallery.owner_of[place]] = True
    return beside


def _comparisons(
    queries: SightingTable, gallery: Owned, thresholds: Thresholds
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Pair pattern, rows of the queries and of the gallery, for each pattern that has both and thresholds."""
    of_query = np.array([s.modality for s in queries.sightings], dtype=object)
    of_gallery = np.array([s.modality for s in gallery.table.sightings], dtype=object)
    for one in MODALITIES:
        for other in MODALITIES:
            rows, columns = np.flatnonzero(of_query == one), np.flatnonzero(of_gallery == other)
            name = pair_pattern(one, other)
            if len(rows) and len(columns) and name in thresholds.patterns:
                yield name, rows, columns


def _mean_of_nearest(
    queries: SightingTable,
    query_of: np.ndarray,
    rows: np.ndarray,
    gallery: Owned,
    columns: np.ndarray,
    shape: tuple[int, int],
) -> np.ndarray:
    columns = columns[np.argsort(gallery.owner_of[columns], kind="stable")]
    owners, starts = np.unique(gallery.owner_of[columns], return_index=True)
    stored = np.asarray(gallery.table.embeddings)[columns]
    totals, num = np.zeros((shape[0], len(owners))), np.zeros(shape[0])
    block = max(1, BLOCK_VALUES // len(columns))
    for start in range(0, len(rows), block):
        here = rows[start : start + block]
        similarities = np.asarray(queries.embeddings)[here] @ stored.T
        nearest = np.maximum.reduceat(similarities, starts, axis=1)
        np.add.at(totals, query_of[here], nearest)
        np.add.at(num, query_of[here], 1)
    found = np.full(shape, -np.inf)
    is_compared = np.flatnonzero(num)
    found[np.ix_(is_compared, owners)] = totals[is_compared] / num[is_compared, None]
    return found
