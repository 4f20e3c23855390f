"""How embeddings of one modality are grouped: as did best on known individuals, and how far off."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.embeddings import check_embeddings
from inference.grouping.atoms import Atoms, lone_atoms
from inference.grouping.by_evidence import group_by_evidence
from inference.grouping.fitting import LEAST_INDIVIDUALS, fit_model_of_observations
from inference.grouping.identity_model import IdentityModel
from inference.grouping.improvement import Improver
from inference.grouping.linear import link_by_similarity
from inference.grouping.pair_odds import PairGroups
from inference.known_individuals import observations_of_known
from inference.metrics.grouping import bcubed
from inference.threshold import best_threshold

EVIDENCE_SCALES = (1.0, 0.5)
LINKAGE, IMPROVED, EVIDENCE = "average_linkage", "average_linkage_improved", "evidence_"
CLEARLY_BETTER = 0.005  # of B-cubed F1, on average over halves
ABOUT_AS_WELL = 0.005
NUM_SPLITS = 4
NUM_FOOTAGES = 60  # of each half
MAX_OBSERVATIONS_TRIED = 1500  # of one half


@dataclass(frozen=True)
class TriedFootage:
    """A set of observations of known individuals that was grouped as footage would be.

    Attributes:
        num_found: int, groups.
        num_true: int, individuals.
        num_observations: int.
    """

    num_found: int
    num_true: int
    num_observations: int


@dataclass(frozen=True)
class GroupingRule:
    """How embeddings of one modality are grouped into individuals.

    Average linkage, unless another way did clearly better on individuals that were left out: with moves and
    splits afterwards (`improves`), or by the evidence of a model of individuals.

    Attributes:
        threshold: float, the mean cosine similarity from which average linkage joins groups.
        improves: bool, whether atoms then move and groups split while the total over pairs of
            `similarity - threshold` rises.
        model: IdentityModel by whose evidence groups are joined instead, or None.
        held_out_f1: B-cubed F1 of each way on individuals that were left out of its fit.
        tried: footage made of left-out individuals: what was found, and what was true.
        num_individuals: int, how many individuals it was fitted on.
    """

    threshold: float
    improves: bool
    model: IdentityModel | None
    held_out_f1: Mapping[str, float]
    tried: tuple[TriedFootage, ...]
    num_individuals: int

    def group(self, atoms: Atoms) -> np.ndarray:
        """The group of each atom, int64 [num_atoms], numbered from 0."""
        if self.model is not None:
            return group_by_evidence(atoms, self.model).labels
        return _linked(atoms, self.threshold, self.improves)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON takes it."""
        return {
            "threshold": self.threshold,
            "improves": self.improves,
            "model": None if self.model is None else self.model.to_dict(),
            "held_out_f1": dict(self.held_out_f1),
            "tried": [list(asdict(footage).values()) for footage in self.tried],
            "num_individuals": self.num_individuals,
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> GroupingRule:
        """The rule that `to_dict` wrote.

        Raises:
            ValueError: it is damaged.
        """
        try:
            rule = cls(
                float(record["threshold"]),
                bool(record["improves"]),
                None if record["model"] is None else IdentityModel.from_dict(record["model"]),
                {str(name): float(f1) for name, f1 in record["held_out_f1"].items()},
                tuple(TriedFootage(*map(int, footage)) for footage in record["tried"]),
                int(record["num_individuals"]),
            )
            if not -1 <= rule.threshold <= 1 or any(f.num_found < 1 for f in rule.tried):
                raise ValueError("a threshold that is no cosine, or a footage without a group")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"This is no grouping rule, or it is damaged ({type(error).__name__}: {error}). "
                "Calibrate the encoder again."
            ) from error
        return rule


def fit_grouping_rule(
    embeddings: npt.ArrayLike,
    individuals: Sequence[Hashable] | np.ndarray,
    *,
    sources: Sequence[Hashable] | np.ndarray | None = None,
    seed: int = 0,
) -> GroupingRule:
    """The way of grouping that does best on known individuals, tried on those left out of the fit.

    The individuals are halved several times; on one half average linkage gets its threshold and the model of
    individuals is fitted, on the other all ways are tried. Another way than average linkage is used where its
    B-cubed F1 is higher by 0.005 on average and in no half lower. Footages drawn from the left-out halves, of
    any number of individuals and views, then show how far counts are off. Where individuals are too few to
    leave half of them out, it is average linkage, and nothing is known about its errors.

    Args:
        embeddings: float32 [num, size], unit length, all of one modality, of individuals that the encoder was
            not trained on.
        individuals: str or int [num], who each row shows.
        sources: str or int [num], such as the video or tracklet of each row; rows of one individual in one
            source are pooled first. None: every row is a source of its own.
        seed: int, for how individuals are halved and footages are drawn.

    Returns:
        GroupingRule.

    Raises:
        ValueError: fewer than two individuals, or no individual in two sources.
    """
    checked = np.asarray(check_embeddings(embeddings), np.float64)
    observations, individual_of = observations_of_known(checked, individuals, sources)
    rng = np.random.default_rng(seed)
    num_individuals = int(individual_of.max()) + 1
    halves = list(_halves(individual_of, rng))
    scores: dict[str, list[float]] = {}
    for fit_on, try_on in halves:
        for name, labels in _ways(observations, individual_of, fit_on, try_on).items():
            scores.setdefault(name, []).append(bcubed(individual_of[try_on], labels).f1)
    scores = {name: f1 for name, f1 in scores.items() if len(f1) == len(halves)}
    held_out_f1 = {name: float(np.mean(f1)) for name, f1 in scores.items()}
    way = _best_way(scores) if scores else LINKAGE
    tried = [
        footage
        for fit_on, try_on in halves[:2]
        for footage in _try_footages(observations, individual_of, fit_on, try_on, way, rng)
    ]
    fitted = _fitted(observations, individual_of, way)
    return replace(
        fitted, held_out_f1=held_out_f1, tried=tuple(tried), num_individuals=num_individuals
    )


def _halves(
    individual_of: np.ndarray, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows to fit on and rows to try on, without a common individual, where both can be done."""
    num = int(individual_of.max()) + 1
    for _ in range(NUM_SPLITS // 2):
        is_first = (rng.permutation(num) < num // 2)[individual_of]
        for fit_on, try_on in ((is_first, ~is_first), (~is_first, is_first)):
            sizes = np.bincount(individual_of[fit_on])
            if (sizes > 0).sum() >= 2 and (sizes > 1).any() and try_on.any():
                few = rng.permutation(np.flatnonzero(try_on))[:MAX_OBSERVATIONS_TRIED]
                yield np.flatnonzero(fit_on), np.sort(few)


def _ways(
    observations: np.ndarray, individual_of: np.ndarray, fit_on: np.ndarray, try_on: np.ndarray
) -> dict[str, np.ndarray]:
    """The labels of each way of grouping, fitted on some rows, of others."""
    known = np.unique(individual_of[fit_on], return_inverse=True)[1]
    atoms = lone_atoms(observations[try_on])
    linked = _fitted(observations[fit_on], known, LINKAGE)
    labels = {LINKAGE: linked.group(atoms), IMPROVED: replace(linked, improves=True).group(atoms)}
    if _can_be_modelled(known):
        model = fit_model_of_observations(observations[fit_on], known)
        for scale in EVIDENCE_SCALES:
            scaled = replace(model, evidence_scale=scale)
            labels[_way_of(scale)] = group_by_evidence(atoms, scaled).labels
    return labels


def _fitted(observations: np.ndarray, individual_of: np.ndarray, way: str) -> GroupingRule:
    """The rule of one way of grouping."""
    model = None
    if way.startswith(EVIDENCE):
        scale = float(way.removeprefix(EVIDENCE))
        model = fit_model_of_observations(observations, individual_of)
        model = replace(model, evidence_scale=scale)
    threshold = best_threshold(observations, individual_of)
    return GroupingRule(threshold, way == IMPROVED, model, {}, (), 0)


def _best_way(scores: Mapping[str, Sequence[float]]) -> str:
    """Average linkage, unless another way is clearly better; then the first about as good as any.

    Args:
        scores: B-cubed F1 of each way on each left-out half.

    Returns:
        The way. Clearly better: on average by 0.005, and nowhere worse.
    """
    linkage = np.array(scores[LINKAGE])
    better = {
        way: float(np.mean(f1))
        for way, f1 in scores.items()
        if np.mean(f1 - linkage) >= CLEARLY_BETTER and (f1 >= linkage).all()
    }
    if not better:
        return LINKAGE
    best = max(better.values())
    return next(way for way, f1 in better.items() if f1 >= best - ABOUT_AS_WELL)


def _try_footages(
    observations: np.ndarray,
    individual_of: np.ndarray,
    fit_on: np.ndarray,
    try_on: np.ndarray,
    way: str,
    rng: np.random.Generator,
) -> Iterator[TriedFootage]:
    """Footages of left-out individuals: from one to all of them, each in some of its observations."""
    known = np.unique(individual_of[fit_on], return_inverse=True)[1]
    rule = _fitted(observations[fit_on], known, way)
    left_out = np.unique(individual_of[try_on])
    for _ in range(NUM_FOOTAGES):
        num_true = int(np.exp(rng.uniform(0, np.log(len(left_out) + 0.999))))
        cast = rng.permutation(left_out)[:num_true]
        share = rng.uniform(0.2, 1.0)
        rows = [
            rng.permutation(seen)[: max(1, rng.binomial(len(seen), share))]
            for individual in cast
            for seen in [try_on[individual_of[try_on] == individual]]
        ]
        drawn = observations[np.concatenate(rows)]
        num_found = int(rule.group(lone_atoms(drawn)).max()) + 1
        yield TriedFootage(num_found, num_true, len(drawn))


def _can_be_modelled(individual_of: np.ndarray) -> bool:
    return int((np.bincount(individual_of) > 1).sum()) >= LEAST_INDIVIDUALS


def _way_of(scale: float) -> str:
    return f"{EVIDENCE}{scale:g}"


def _linked(atoms: Atoms, threshold: float, improves: bool) -> np.ndarray:
    labels = np.unique(link_by_similarity(atoms, threshold), return_inverse=True)[1]
    if improves:
        groups = PairGroups.of_atoms(atoms, threshold)
        labels = Improver(groups, atoms.apart).improve(labels)
    return labels
