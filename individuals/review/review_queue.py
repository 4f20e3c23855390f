"""What to ask a person: the few pairs of sightings whose answers say most about a count."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from individuals.sighting_file import CountedSightings, KeyPair
from individuals.sighting_table import SightingTable
from inference.calibrate import Calibration
from inference.modalities import MODALITIES, Modality

UNCALIBRATED_SCALE = 0.05  # of similarity: how far from the threshold an answer is still open
NEIGHBOURS = 5  # look-alikes of each individual that may be asked about
MOST_PARTS = 1000  # of one individual that are looked through
BLOCK = 512
SHOWN_BESIDE = 3  # further sightings of each side, to help the eye
LEAST_OPEN = 0.02  # questions with a clearer answer (probability below 0.005) are not asked
WEARINESS = 0.5  # what another question about the same individual is still worth


@dataclass(frozen=True)
class ReviewPair:
    """A question to a person: whether two sightings show one animal.

    Args:
        first: row of a sighting.
        second: row of the other.
        first_beside: rows of further sightings that stand or fall with the first.
        second_beside: likewise.
        individuals: (int, int), the labels of both; equal where they are counted as one now.
        similarity: float, mean cosine similarity of the two sides.
        probability: float, that the sides are one individual: calibrated, or guessed from the distance to the
            threshold.
        num_at_stake: int, sightings of the smaller side, which the answer may move.
        value: float, by which questions are ordered.
        reason: why it is asked, in words.
    """

    first: int
    second: int
    first_beside: tuple[int, ...]
    second_beside: tuple[int, ...]
    individuals: tuple[int, int]
    similarity: float
    probability: float
    num_at_stake: int
    value: float
    reason: str


@dataclass(frozen=True, eq=False)
class _Parts:
    """What is certainly one animal: tracklets, joined by what a person called the same. Of one modality.

    Attributes:
        rows: the rows of each part.
        means: float64 [num_parts, size], the mean direction of each.
        label: int [num_parts].
        pattern: pair pattern.
    """

    rows: list[list[int]]
    means: np.ndarray
    label: np.ndarray
    pattern: str


def review_queue(
    counted: CountedSightings, num: int = 50, *, calibration: Calibration | None = None
) -> list[ReviewPair]:
    """The most useful questions about a count, most useful first.

    Asked are, within each individual, whether its two least similar parts are one animal (a wrong merge?),
    and, for individuals that look alike, whether they are (a wrong split?). A question is worth more the more
    open its answer is, and the more sightings it would move. Several questions about one individual are
    worth less each. Shown of both sides are the two sightings most alike: if even these are different
    animals, the sides are. What a person has answered, animals that were seen together, and what is all but
    certain are not asked.

    Args:
        counted: from `load_sightings`.
        num: int >= 1, how many questions at most. Default 50.
        calibration: of the encoder; None guesses probabilities from the threshold.

    Returns:
        At most `num` pairs; fewer where there is nothing more to ask.

    Raises:
        ValueError: num < 1, another encoder's calibration; or none for a count that has no threshold.
    """
    if num < 1:
        raise ValueError(f"Expected num >= 1, received {num}.")
    if calibration is not None:
        calibration.check_fingerprint(counted.table.embeddings)
    elif math.isnan(counted.threshold):
        raise ValueError(
            "This count has no threshold to guess probabilities from: crops with and without sound were "
            "joined by a calibration. Pass the same calibration=..."
        )
    candidates: list[ReviewPair] = []
    for modality in MODALITIES:
        parts = _parts(counted, modality)
        questions = _Questions(counted, parts, calibration)
        for label in np.unique(parts.label):
            candidates += questions.within(np.flatnonzero(parts.label == label))
        for one, other in _look_alikes(parts, questions.apart):
            candidates += questions.between(one, other)
    return _varied(candidates, num)


class _Questions:
    """Questions about parts of one modality."""

    def __init__(
        self, counted: CountedSightings, parts: _Parts, calibration: Calibration | None
    ) -> None:
        self._counted, self._parts, self._calibration = counted, parts, calibration
        is_known = calibration is not None and parts.pattern in calibration.pairs
        self._calibration = calibration if is_known else None
        part_of = {row: part for part, rows in enumerate(parts.rows) for row in rows}
        place = {key: row for row, key in enumerate(counted.table.keys)}
        self._undecided = {
            (part_of[place[a]], part_of[place[b]])
            for one, other in counted.undecided
            for a, b in ((one, other), (other, one))
            if place.get(a) in part_of and place.get(b) in part_of
        }
        labels = counted.labels.tolist()
        self.apart = {(a, b) for a, b, _ in counted.table.seen_together(labels)}
        for a, b in counted.cannot_link:
            if a in place and b in place:
                one, other = sorted((labels[place[a]], labels[place[b]]))
                self.apart.add((one, other))

    def within(self, members: np.ndarray) -> Iterator[ReviewPair]:
        """Whether the two halves of an individual that are least alike are one animal."""
        if len(members) < 2:
            return
        spread = np.linspace(0, len(members) - 1, min(len(members), MOST_PARTS))
        members = members[np.unique(spread.round().astype(int))]
        halves = _halves(self._parts.means[members])
        if len(set(halves.tolist())) < 2:  # all exactly alike: there is nothing to ask
            return
        yield from self._ask(
            members[halves == 1], members[halves == 2], "counted as one, on a weak link"
        )

    def between(self, one: int, other: int) -> Iterator[ReviewPair]:
        """Whether two individuals are one animal."""
        label = self._parts.label
        yield from self._ask(
            np.flatnonzero(label == one),
            np.flatnonzero(label == other),
            "counted as two, though they look alike",
        )

    def _ask(self, ones: np.ndarray, others: np.ndarray, reason: str) -> Iterator[ReviewPair]:
        similarities = self._parts.means[ones] @ self._parts.means[others].T
        mean = float(similarities.mean())
        for place in np.argsort(-similarities, axis=None, kind="stable").tolist():
            a, b = divmod(place, len(others))
            first, second = int(ones[a]), int(others[b])
            if (first, second) not in self._undecided:
                break
        else:
            return
        probability = self._probability(mean)
        openness = 4 * probability * (1 - probability)
        if openness < LEAST_OPEN:
            return
        sides = [self._rows(ones), self._rows(others)]
        row, other_row = _most_alike(
            self._counted.table, self._parts.rows[first], self._parts.rows[second]
        )
        at_stake = min(map(len, sides))
        yield ReviewPair(
            row,
            other_row,
            _spread(sides[0], but=row),
            _spread(sides[1], but=other_row),
            (int(self._parts.label[first]), int(self._parts.label[second])),
            mean,
            probability,
            at_stake,
            openness * math.log2(1 + at_stake),
            reason,
        )

    def _rows(self, parts: np.ndarray) -> list[int]:
        return sorted(row for part in parts for row in self._parts.rows[part])

    def _probability(self, similarity: float) -> float:
        if self._calibration is not None:
            return float(self._calibration.probability(similarity, self._parts.pattern))
        distance = (similarity - self._counted.threshold) / UNCALIBRATED_SCALE
        return 1 / (1 + math.exp(-min(max(distance, -50.0), 50.0)))


def _parts(counted: CountedSightings, modality: Modality) -> _Parts:
    table = counted.table
    place = {key: row for row, key in enumerate(table.keys)}
    groups = table.tracklet_groups()
    ties = [(rows[0], row) for rows in groups for row in rows[1:]]
    ties += _rows_of_keys(counted.must_link, place)
    first, second = np.array(ties, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(ties)), (first, second)), shape=(len(table), len(table)))
    part_of = connected_components(graph, directed=False)[1] if len(table) else np.empty(0, int)
    found: dict[int, list[int]] = {}
    for row, sighting in enumerate(table.sightings):
        if sighting.modality == modality:
            found.setdefault(int(part_of[row]), []).append(row)
    rows_of = list(found.values())
    embeddings = np.asarray(table.embeddings, np.float64)
    means = np.zeros((len(rows_of), embeddings.shape[1]))
    for part, rows in enumerate(rows_of):
        total = embeddings[rows].sum(axis=0)
        means[part] = total / (np.linalg.norm(total) or 1.0)
    label = np.array([counted.labels[rows[0]] for rows in rows_of], dtype=np.int64)
    return _Parts(rows_of, means, label, f"{modality}-{modality}")


def _rows_of_keys(pairs: Iterable[KeyPair], place: dict[str, int]) -> list[tuple[int, int]]:
    return [(place[a], place[b]) for a, b in pairs if a in place and b in place]


def _halves(vectors: np.ndarray) -> np.ndarray:
    """1 or 2 for each: the two groups that average linkage joins last."""
    from scipy.cluster.hierarchy import average, fcluster  # here, because it is slow to import
    from scipy.spatial.distance import pdist

    if len(vectors) == 2:
        return np.array([1, 2])
    # Half the squared distance of unit vectors is 1 - cosine.
    return fcluster(average(pdist(vectors, "sqeuclidean") / 2), 2, criterion="maxclust")


def _look_alikes(parts: _Parts, apart: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pairs of individuals, each with the few that are most like it; not those known to be two."""
    labels, group_of = np.unique(parts.label, return_inverse=True)
    sums = np.zeros((len(labels), parts.means.shape[1]))
    np.add.at(sums, group_of, parts.means)
    means = sums / np.bincount(group_of, minlength=len(labels))[:, None]
    pairs: dict[tuple[int, int], None] = {}
    for start in range(0, len(labels), BLOCK):
        similarities = means[start : start + BLOCK] @ means.T
        for offset, row in enumerate(similarities):
            one, num_found = int(labels[start + offset]), 0
            for near in np.argsort(-row, kind="stable").tolist():
                pair = (min(one, int(labels[near])), max(one, int(labels[near])))
                if pair[0] != pair[1] and pair not in apart:
                    pairs[pair] = None
                    num_found += 1
                if num_found == NEIGHBOURS:
                    break
    return list(pairs)


def _most_alike(
    table: SightingTable, ones: Sequence[int], others: Sequence[int]
) -> tuple[int, int]:
    """The two rows that are most alike, good crops before poor ones."""
    embeddings = np.asarray(table.embeddings)
    worth = embeddings[ones] @ embeddings[others].T
    worth += np.minimum.outer(_qualities(table, ones), _qualities(table, others))
    a, b = divmod(int(np.argmax(worth)), len(others))
    return ones[a], others[b]


def _qualities(table: SightingTable, rows: Sequence[int]) -> np.ndarray:
    qualities = (table.sightings[row].quality for row in rows)
    return np.array([1.0 if quality is None else quality for quality in qualities])


def _spread(rows: Sequence[int], but: int) -> tuple[int, ...]:
    left = [row for row in rows if row != but]
    places = np.linspace(0, len(left) - 1, min(len(left), SHOWN_BESIDE)).round().astype(int)
    return tuple(left[place] for place in places)


def _varied(candidates: list[ReviewPair], num: int) -> list[ReviewPair]:
    """The most valuable, where each question makes others about the same individuals less valuable."""
    asked: dict[int, int] = {}
    waiting = sorted(candidates, key=lambda pair: (-pair.value, pair.first, pair.second))
    chosen: list[ReviewPair] = []
    while waiting and len(chosen) < num:
        worth = [
            pair.value * WEARINESS ** sum(asked.get(label, 0) for label in set(pair.individuals))
            for pair in waiting
        ]
        best = waiting.pop(int(np.argmax(worth)))
        chosen.append(best)
        for label in set(best.individuals):
            asked[label] = asked.get(label, 0) + 1
    return chosen
