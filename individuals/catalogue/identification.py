"""Known, new or uncertain: what a catalogue says of sightings that it has not met."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from individuals.catalogue.assignment import NOBODY, assign_names
from individuals.catalogue.catalogue_file import Owned
from individuals.catalogue.gallery import Nearness, compare, seen_beside
from individuals.catalogue.register import Register
from individuals.catalogue.thresholds import Thresholds
from individuals.group import group_individuals
from individuals.sighting_table import SightingTable
from inference.modalities import MODALITIES, pair_pattern

logger = logging.getLogger(__name__)

Status = Literal["known", "new", "uncertain"]


@dataclass(frozen=True)
class Identification:
    """The answer for one animal of the footage.

    Args:
        rows: of the table of sightings that show it: a tracklet, or a group.
        status: "known", "new" or "uncertain".
        individual: id of the known animal; None unless `status` is "known".
        nearest: id of the most similar individual that it can be, whatever the status; None for none.
        similarity: cosine to that: the mean over `rows` of the nearest of its sightings; None as above.
        probability: that a pair of that similarity shows one individual, at even prior; None for plain
            thresholds.
        runner_up: id of the next individual.
        runner_up_similarity: float.
        new_animal: for a new one: its number among the new animals of this call, from 1. Those that are as
            similar to each other as known ones must be get one number.
        reason: why, in words.
    """

    rows: tuple[int, ...]
    status: Status
    individual: str | None
    nearest: str | None
    similarity: float | None
    probability: float | None
    runner_up: str | None
    runner_up_similarity: float | None
    new_animal: int | None
    reason: str

    @property
    def word(self) -> str | None:
        """The individual as `Catalogue.add_each` takes it: "new-1" for a new one, None for an uncertain."""
        return f"new-{self.new_animal}" if self.new_animal else self.individual


@dataclass(frozen=True)
class _Verdict:
    status: Status
    reason: str
    individual: int | None = None  # column


def identify(
    sightings: SightingTable,
    groups: Sequence[Sequence[int]],
    gallery: Owned,
    register: Register,
    thresholds: Thresholds,
) -> list[Identification]:
    """See `Catalogue.identify`."""
    _warn_of_size(len(gallery.numbers), thresholds.num_gallery)
    query_of = np.zeros(len(sightings), dtype=np.int64)
    for query, rows in enumerate(groups):
        query_of[list(rows)] = query
    apart = _different_animals(sightings, query_of)
    near = compare(sightings, query_of, gallery, thresholds)
    beside = seen_beside(sightings, query_of, gallery, near.excess.shape)
    excess = np.where(beside, -np.inf, near.excess)
    names = [register.describe(number) for number in gallery.numbers.tolist()]
    verdicts = _decide(near, beside, excess, apart, names, thresholds.margin)
    is_new = [query for query, verdict in enumerate(verdicts) if verdict.status == "new"]
    new_animals = _number_new(sightings, [groups[q] for q in is_new], apart, is_new, thresholds)
    ids = [register.id_of(number) for number in gallery.numbers.tolist()]
    found = []
    for query, (rows, verdict) in enumerate(zip(groups, verdicts, strict=True)):
        order = np.argsort(-excess[query], kind="stable").tolist()
        order = [column for column in order if np.isfinite(excess[query, column])]
        if verdict.individual is not None:  # first, even if that beside it fitted better
            order.sort(key=lambda column: column != verdict.individual)
        similarities = [float(near.similarity[query, column]) for column in order[:2]]
        probability = None
        if order:
            pattern = near.patterns[near.pattern[query, order[0]]]
            probability = thresholds.probability(similarities[0], pattern)
        nearest, runner_up = [*(ids[column] for column in order[:2]), None, None][:2]
        similarity, runner_up_similarity = [*similarities, None, None][:2]
        found.append(
            Identification(
                rows=tuple(rows),
                status=verdict.status,
                individual=None if verdict.individual is None else ids[verdict.individual],
                nearest=nearest,
                similarity=similarity,
                probability=probability,
                runner_up=runner_up,
                runner_up_similarity=runner_up_similarity,
                new_animal=new_animals.get(query),
                reason=verdict.reason,
            )
        )
    return found


def _warn_of_size(num: int, num_certified: int | None) -> None:
    if num_certified is not None and num > num_certified:
        logger.warning(
            "The thresholds were certified for a gallery of %d individuals, the catalogue has %d: unknown "
            "animals may be matched more often than was promised. Calibrate with more individuals.",
            num_certified,
            num,
        )


def _different_animals(sightings: SightingTable, query_of: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of queries that were seen together; a ValueError for a query that is two animals itself."""
    together = sightings.seen_together(query_of.tolist())
    if contradictory := [rows for one, other, rows in together if one == other]:
        first, second = (sightings.keys[row] for row in contradictory[0])
        raise ValueError(
            f"{len(contradictory)} animals to be identified hold sightings that were seen together, such as "
            f"{first!r} and {second!r}: these are different animals. Group them again with what is "
            "known of frames and tracklets."
        )
    return [(one, other) for one, other, _ in together]


def _decide(
    near: Nearness,
    beside: np.ndarray,
    excess: np.ndarray,
    apart: Sequence[tuple[int, int]],
    names: Sequence[str],
    margin: float,
) -> list[_Verdict]:
    assignment = assign_names(excess, apart)
    verdicts = []
    for query, above in enumerate(excess):
        column = int(assignment.chosen[query])
        fitting = [names[c] for c in np.argsort(-above, kind="stable") if above[c] > 0]
        if not fitting:
            verdict = _unlike(near, query, beside[query])
        elif column == NOBODY:
            verdict = _Verdict(
                "uncertain", f"similar to {fitting[0]}, which is the animal beside it"
            )
        elif assignment.gap[query] >= margin:
            reason = "clearly the most similar" if len(fitting) > 1 else "the only similar one"
            verdict = _Verdict("known", reason, column)
        elif len(fitting) > 1:
            reason = f"{' and '.join(fitting[:3])} are almost equally similar"
            verdict = _Verdict("uncertain", reason)
        else:
            reason = f"similar to {fitting[0]}, and so is an animal beside it"
            verdict = _Verdict("uncertain", reason)
        verdicts.append(verdict)
    return verdicts


def _unlike(near: Nearness, query: int, beside: np.ndarray) -> _Verdict:
    """New if it is unlike all; uncertain if some are neither like nor unlike, or of another kind."""
    is_compared = np.isfinite(near.excess[query])
    is_far = beside | (near.shortfall[query] > 0)
    if not (is_far | ~is_compared).all():
        return _Verdict("uncertain", "too similar to be new, and not similar enough to be known")
    if num_others := int((~is_compared & ~beside).sum()):
        reason = f"{num_others} individuals of the catalogue cannot be compared with it"
        return _Verdict("uncertain", reason)
    if not len(is_far):
        return _Verdict("new", "the catalogue is empty")
    return _Verdict("new", "not similar to any individual of the catalogue")


def _number_new(
    sightings: SightingTable,
    groups: Sequence[Sequence[int]],
    apart: Sequence[tuple[int, int]],
    queries: Sequence[int],
    thresholds: Thresholds,
) -> dict[int, int]:
    """Query -> number of the new animal, from 1 by first appearance; grouped within each modality."""
    animal_of: dict[int, tuple[str, int]] = {}
    kinds = [sighting.modality for sighting in sightings.sightings]
    for modality in MODALITIES:
        members = [
            (row, query)
            for query, group in zip(queries, groups, strict=True)
            for row in group
            if kinds[group[0]] == kinds[row] == modality
        ]
        if not members:
            continue
        rows, owners = map(list, zip(*members, strict=True))
        place = {query: owners.index(query) for query in owners}
        pattern = thresholds.patterns.get(pair_pattern(modality, modality))
        labels = group_individuals(
            sightings.embeddings[rows],
            threshold=1.0 if pattern is None else pattern.known_above,
            tracklets=owners,
            cannot_link=[(place[a], place[b]) for a, b in apart if a in place and b in place],
        ).labels
        animal_of |= {query: (modality, int(labels[row])) for query, row in place.items()}
    numbers: dict[tuple[str, int], int] = {}
    return {query: numbers.setdefault(animal_of[query], len(numbers) + 1) for query in queries}
