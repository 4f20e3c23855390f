"""Known, new or uncertain: what a catalogue says of sightings that it has not met."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from individuals.catalogue.assignment import NOBODY, assign_names
from individuals.catalogue.gallery import Gallery, Nearness, compare, seen_beside
from individuals.catalogue.names import AnimalNames
from individuals.catalogue.thresholds import Thresholds
from individuals.group import group_individuals
from individuals.sighting_table import SightingTable
from inference.modalities import pair_pattern

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
    individual: int | None  # column
    reason: str


def identify(
    sightings: SightingTable,
    groups: Sequence[Sequence[int]],
    gallery: Gallery,
    names: AnimalNames,
    thresholds: Thresholds,
) -> list[Identification]:
    """See `Catalogue.identify`."""
    if thresholds.num_gallery is not None and len(gallery.numbers) > thresholds.num_gallery:
        logger.warning(
            "The thresholds were certified for a gallery of %d individuals, the catalogue has %d: strangers "
            "may be taken for somebody more often than was promised. Calibrate with more individuals.",
            thresholds.num_gallery,
            len(gallery.numbers),
        )
    query_of = np.zeros(len(sightings), dtype=np.int64)
    for query, rows in enumerate(groups):
        query_of[list(rows)] = query
    together = sightings.seen_together(query_of.tolist())
    torn = [rows for one, other, rows in together if one == other]
    if torn:
        first, second = (sightings.keys[row] for row in torn[0])
        raise ValueError(
            f"{len(torn)} animals to be identified hold sightings that were seen together, such as "
            f"{first!r} and {second!r}: these are different animals. Group them again with what is "
            "known of frames and tracklets."
        )
    apart = [(one, other) for one, other, _ in together]
    near = compare(sightings, query_of, gallery, thresholds)
    is_beside = seen_beside(sightings, query_of, gallery, near.excess.shape)
    excess = np.where(is_beside, -np.inf, near.excess)
    verdicts = _decide(near, is_beside, apart, gallery, names, thresholds.margin)
    new_animals = _number_new(sightings, groups, apart, verdicts, thresholds)
    return [
        _answer(
            tuple(rows),
            query,
            verdict,
            excess[query],
            near,
            new_animals,
            gallery,
            names,
            thresholds,
        )
        for query, (rows, verdict) in enumerate(zip(groups, verdicts, strict=True))
    ]


def _decide(
    near: Nearness,
    is_beside: np.ndarray,
    apart: Sequence[tuple[int, int]],
    gallery: Gallery,
    names: AnimalNames,
    margin: float,
) -> list[_Verdict]:
    excess = np.where(is_beside, -np.inf, near.excess)
    assignment = assign_names(excess, apart)
    verdicts = []
    for query, above in enumerate(excess):
        column, gap = int(assignment.chosen[query]), assignment.gap[query]
        order = np.argsort(-above, kind="stable")
        fitting = [names.describe(int(gallery.numbers[c])) for c in order if above[c] > 0]
        if not fitting:
            verdicts.append(_unfitting(near, query, is_beside[query]))
        elif column == NOBODY:
            reason = f"looks like {fitting[0]}, which was found beside it"
            verdicts.append(_Verdict("uncertain", None, reason))
        elif gap < margin:
            several = f"{' and '.join(fitting[:3])} fit nearly alike"
            rival = f"looks like {fitting[0]}, and so does another that was beside it"
            reason = several if len(fitting) > 1 else rival
            verdicts.append(_Verdict("uncertain", None, reason))
        else:
            reason = "fits best by far" if len(fitting) > 1 else "the only one that fits"
            verdicts.append(_Verdict("known", column, reason))
    return verdicts


def _unfitting(near: Nearness, query: int, is_beside: np.ndarray) -> _Verdict:
    """New if it is unlike all; uncertain if some are neither like nor unlike, or of another kind."""
    is_compared = np.isfinite(near.excess[query])
    is_far = is_beside | (near.shortfall[query] > 0)
    if not (is_far | ~is_compared).all():
        return _Verdict("uncertain", None, "neither like nor unlike enough")
    num_others = int((~is_compared & ~is_beside).sum())
    if num_others:
        reason = f"{num_others} individuals of the catalogue cannot be compared with it"
        return _Verdict("uncertain", None, reason)
    if len(is_far):
        return _Verdict("new", None, "unlike every individual of the catalogue")
    return _Verdict("new", None, "the catalogue is empty")


def _number_new(
    sightings: SightingTable,
    groups: Sequence[Sequence[int]],
    apart: Sequence[tuple[int, int]],
    verdicts: Sequence[_Verdict],
    thresholds: Thresholds,
) -> dict[int, int]:
    """Query -> number of the new animal, from 1 by first appearance; grouped within each modality."""
    new = [query for query, verdict in enumerate(verdicts) if verdict.status == "new"]
    kinds: dict[str, list[int]] = {}
    for query in new:
        kinds.setdefault(sightings.sightings[groups[query][0]].modality, []).append(query)
    keyed: dict[int, tuple[str, int]] = {}
    for modality, queries in kinds.items():
        pattern = thresholds.patterns.get(pair_pattern(modality, modality))  # type: ignore[arg-type]
        rows = [
            r for q in queries for r in groups[q] if sightings.sightings[r].modality == modality
        ]
        owner = {row: q for q in queries for row in groups[q]}
        place = {owner[row]: p for p, row in reversed(list(enumerate(rows)))}
        labels = group_individuals(
            sightings.embeddings[rows],
            threshold=1.0 if pattern is None else pattern.known_above,
            tracklets=[owner[row] for row in rows],
            cannot_link=[(place[a], place[b]) for a, b in apart if a in place and b in place],
        ).labels
        keyed |= {q: (modality, int(labels[place[q]])) for q in queries}
    numbers: dict[tuple[str, int], int] = {}
    return {query: numbers.setdefault(keyed[query], len(numbers) + 1) for query in new}


def _answer(
    rows: tuple[int, ...],
    query: int,
    verdict: _Verdict,
    excess: np.ndarray,
    near: Nearness,
    new_animals: dict[int, int],
    gallery: Gallery,
    names: AnimalNames,
    thresholds: Thresholds,
) -> Identification:
    order = [int(c) for c in np.argsort(-excess, kind="stable")[:3] if np.isfinite(excess[c])]
    if (
        verdict.individual is not None
    ):  # what it is stands first, even if that beside it fitted better
        order = [verdict.individual, *(c for c in order if c != verdict.individual)]
    shown = [names.id_of(int(gallery.numbers[column])) for column in order[:2]]
    similarities = [float(near.similarity[query, column]) for column in order[:2]]
    probability = None
    if order:
        pattern = near.patterns[near.pattern[query, order[0]]]
        probability = thresholds.probability(similarities[0], pattern)
    return Identification(
        rows,
        verdict.status,
        shown[0] if verdict.individual is not None else None,
        shown[0] if shown else None,
        similarities[0] if shown else None,
        probability,
        shown[1] if len(shown) > 1 else None,
        similarities[1] if len(shown) > 1 else None,
        new_animals.get(query),
        verdict.reason,
    )
