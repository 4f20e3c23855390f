"""What to ask a person: the few pairs of sightings whose answers say most about a count."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from individuals.grouping.constraints import check_constraints
from individuals.sighting_file import CountedSightings
from individuals.sighting_table import SightingTable
from inference.calibrate import Calibration
from inference.modalities import MODALITIES, Modality
from inference.threshold import pool, sum_within

UNCALIBRATED_SCALE = 0.05  # of similarity: how far from the threshold an answer is still open
NEIGHBOURS = 5  # look-alikes of each individual that may be asked about
MOST_PARTS = 1000  # of one individual that are looked through
SHOWN_BESIDE = 3  # further sightings of each side, to help the eye
LEAST_OPEN = 0.02  # questions with a clearer answer (probability below 0.005) are not asked
REPEATED_WORTH = 0.5  # what another question about the same individual is still worth


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

    @property
    def rows(self) -> tuple[int, ...]:
        """All rows that are shown."""
        return (self.first, self.second, *self.first_beside, *self.second_beside)


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
    questions = [_Questions(counted, modality, calibration) for modality in MODALITIES]
    return _varied(list(chain.from_iterable(part.all() for part in questions)), num)


class _Questions:
    """Questions about the sightings of one modality.

    A *part* is what is certainly one animal: a tracklet, or several that a person called the same.
    """

    def __init__(
        self, counted: CountedSightings, modality: Modality, calibration: Calibration | None
    ) -> None:
        self._table, self._threshold = counted.table, counted.threshold
        self._pattern = f"{modality}-{modality}"
        is_known = calibration is not None and self._pattern in calibration.pairs
        self._calibration = calibration if is_known else None
        self._rows_of = _parts(counted, modality)
        part_of = {row: part for part, rows in enumerate(self._rows_of) for row in rows}
        rows = np.array(list(part_of), np.int64)
        embeddings = np.asarray(self._table.embeddings, np.float64)[rows]
        self._means = pool(embeddings, np.array(list(part_of.values()), np.int64))
        labels = counted.labels
        self._label = np.array([labels[rows[0]] for rows in self._rows_of], dtype=np.int64)
        self._undecided = {
            frozenset((part_of[a], part_of[b]))
            for a, b in counted.rows(counted.undecided)
            if a in part_of and b in part_of
        }
        together = self._table.seen_together(labels.tolist())
        self._apart = {frozenset((one, other)) for one, other, _ in together}
        self._apart |= {
            frozenset((int(labels[a]), int(labels[b])))
            for a, b in counted.rows(counted.cannot_link)
        }

    def all(self) -> Iterator[ReviewPair]:
        """Weak links within individuals, then individuals that look alike."""
        members = {label: np.flatnonzero(self._label == label) for label in set(self._label)}
        for label in sorted(members):
            halves = _halves(self._means[_sample(members[label])])
            if len(halves) == 2:
                one, other = (_sample(members[label])[half] for half in halves)
                yield from self._ask(one, other, "counted as one, by a weak link")
        for one, other in self._look_alikes():
            reason = "counted as two, but they look alike"
            yield from self._ask(members[one], members[other], reason)

    def _look_alikes(self) -> list[tuple[int, int]]:
        """Pairs of individuals, each with the few that are most like it; not those known to be two."""
        labels, group_of = np.unique(self._label, return_inverse=True)
        means = sum_within(self._means, group_of) / np.bincount(group_of)[:, None]
        pairs: dict[tuple[int, int], None] = {}
        for row, label in enumerate(labels.tolist()):
            order = labels[np.argsort(-(means @ means[row]), kind="stable")].tolist()
            near = [
                other
                for other in order
                if other != label and frozenset((label, other)) not in self._apart
            ]
            pairs |= {(min(label, other), max(label, other)): None for other in near[:NEIGHBOURS]}
        return list(pairs)

    def _ask(self, ones: np.ndarray, others: np.ndarray, reason: str) -> Iterator[ReviewPair]:
        similarities = self._means[ones] @ self._means[others].T
        probability = self._probability(float(similarities.mean()))
        openness = 4 * probability * (1 - probability)
        order = np.argsort(-similarities, axis=None, kind="stable").tolist()
        open_pairs = (
            (int(ones[place // len(others)]), int(others[place % len(others)])) for place in order
        )
        parts = next((p for p in open_pairs if frozenset(p) not in self._undecided), None)
        if parts is None or openness < LEAST_OPEN:
            return
        first, second = _most_alike(self._table, *(self._rows_of[part] for part in parts))
        sides = [
            sorted(row for part in side for row in self._rows_of[part]) for side in (ones, others)
        ]
        at_stake = min(map(len, sides))
        yield ReviewPair(
            first,
            second,
            _spread(sides[0], but=first),
            _spread(sides[1], but=second),
            (int(self._label[parts[0]]), int(self._label[parts[1]])),
            float(similarities.mean()),
            probability,
            at_stake,
            openness * math.log2(1 + at_stake),
            reason,
        )

    def _probability(self, similarity: float) -> float:
        if self._calibration is not None:
            return float(self._calibration.probability(similarity, self._pattern))
        distance = (similarity - self._threshold) / UNCALIBRATED_SCALE
        return 1 / (1 + math.exp(-min(max(distance, -50.0), 50.0)))


def _parts(counted: CountedSightings, modality: Modality) -> list[list[int]]:
    """The rows of this modality that are certainly one animal, for each such animal."""
    table = counted.table
    known = check_constraints(
        len(table),
        must_link=counted.rows(counted.must_link),
        tracklets=[sighting.tracklet_name for sighting in table.sightings],
    )
    found: dict[int, list[int]] = {}
    for row, part in enumerate(known.component_of.tolist()):
        if table.sightings[row].modality == modality:
            found.setdefault(part, []).append(row)
    return list(found.values())


def _sample(members: np.ndarray) -> np.ndarray:
    places = np.linspace(0, len(members) - 1, min(len(members), MOST_PARTS)).round().astype(int)
    return members[np.unique(places)]


def _halves(vectors: np.ndarray) -> list[np.ndarray]:
    """The two groups that average linkage joins last; fewer than two where all are exactly alike."""
    from scipy.cluster.hierarchy import average, fcluster  # here, because it is slow to import
    from scipy.spatial.distance import pdist

    if len(vectors) < 2:
        return []
    half_of = np.array([1, 2])
    if len(vectors) > 2:
        # Half the squared distance of unit vectors is 1 - cosine.
        half_of = fcluster(average(pdist(vectors, "sqeuclidean") / 2), 2, criterion="maxclust")
    return [np.flatnonzero(half_of == half) for half in np.unique(half_of)]


def _most_alike(
    table: SightingTable, ones: Sequence[int], others: Sequence[int]
) -> tuple[int, int]:
    """The two rows that are most alike, good crops before poor ones."""
    embeddings = np.asarray(table.embeddings)
    worth = embeddings[ones] @ embeddings[others].T
    worth += np.minimum.outer(table.qualities(ones), table.qualities(others))
    a, b = divmod(int(np.argmax(worth)), len(others))
    return ones[a], others[b]


def _spread(rows: Sequence[int], but: int) -> tuple[int, ...]:
    left = [row for row in rows if row != but]
    places = np.linspace(0, len(left) - 1, min(len(left), SHOWN_BESIDE)).round().astype(int)
    return tuple(left[place] for place in places)


def _varied(candidates: list[ReviewPair], num: int) -> list[ReviewPair]:
    """The most valuable, where each question makes others about the same individuals less valuable."""
    asked: Counter[int] = Counter()
    waiting = sorted(candidates, key=lambda pair: (-pair.value, pair.first, pair.second))
    chosen: list[ReviewPair] = []
    while waiting and len(chosen) < num:
        worth = [
            pair.value * REPEATED_WORTH ** sum(asked[label] for label in set(pair.individuals))
            for pair in waiting
        ]
        chosen.append(waiting.pop(int(np.argmax(worth))))
        asked.update(set(chosen[-1].individuals))
    return chosen
