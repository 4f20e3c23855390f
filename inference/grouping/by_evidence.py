"""Grouping by evidence: from what is surely one, join, move and split while the total log-odds rise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from inference.grouping.atoms import Atoms
from inference.grouping.between import adapt
from inference.grouping.evidence import EvidenceGroups, concentration, whitened
from inference.grouping.identity_model import IdentityModel
from inference.grouping.improvement import Improver, groups_of
from inference.grouping.linear import link_by_similarity
from inference.grouping.merging import merge_nearest
from inference.grouping.scored import ScoredGroups

ROUNDS = 3
MOST_NEW_TO_KNOWN = 3.0  # how much likelier new than known the prior may hold an observation


@dataclass(frozen=True, eq=False)
class EvidencePartition:
    """A grouping, and the model that made it.

    Args:
        labels: int64 [num_atoms], groups numbered from 0.
        atoms: the atoms as groups of their own, by the adapted model.
        groups: the groups of `labels`.
    """

    labels: np.ndarray
    atoms: EvidenceGroups
    groups: ScoredGroups


def group_by_evidence(
    atoms: Atoms, model: IdentityModel, *, start: np.ndarray | None = None
) -> EvidencePartition:
    """Group atoms into individuals so that the total log-odds are as large as local steps make them.

    Groups that were nearly always one individual (average linkage at the model's `start_similarity`) are the
    beginning. Then, three times: the model learns how individuals vary here (`adapt`) and how many to
    expect (`concentration`); groups that are each other's best partner are joined while their log-odds
    are above 0; atoms move and groups split while the total rises.

    Args:
        atoms: what is grouped.
        model: of individuals, for the encoder that made the embeddings.
        start: int64 [num_atoms], another beginning; groups numbered from 0.

    Returns:
        EvidencePartition.
    """
    labels = (
        _numbered(link_by_similarity(atoms, model.start_similarity)) if start is None else start
    )
    num_observations = len(atoms.observations)
    for _ in range(ROUNDS):
        before = labels
        sums, total = whitened(atoms, model)
        group_sums = np.zeros((int(labels.max(initial=-1)) + 1, model.size))
        np.add.at(group_sums, labels, sums)
        here = adapt(model, group_sums, np.bincount(labels, atoms.sizes))
        sums, total = whitened(atoms, here)
        # Where nothing was joined yet, everyone would be new for certain, whatever the evidence.
        alpha = min(
            concentration(len(group_sums), num_observations),
            MOST_NEW_TO_KNOWN * max(num_observations, 1),
        )
        singles = EvidenceGroups(here, sums, atoms.sizes, total, alpha)
        labels = _until_stable(labels, partial(_joined_and_improved, singles, atoms.apart))
        if np.array_equal(labels, before):
            break
    return EvidencePartition(labels, singles, groups_of(singles, labels))


def _joined_and_improved(
    singles: ScoredGroups, apart: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    return Improver(singles, apart).improve(_joined(singles, labels, apart))


def _joined(singles: ScoredGroups, labels: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """Groups that are each other's best partner joined, as long as that gains."""

    def once(labels: np.ndarray) -> np.ndarray:
        groups = groups_of(singles, labels)
        between = np.unique(np.sort(labels[apart], axis=1), axis=0)
        return _numbered(merge_nearest(groups, len(groups), between)[labels])

    return _until_stable(labels, once)


def _until_stable(
    labels: np.ndarray, step: Callable[[np.ndarray], np.ndarray], at_most: int = 10
) -> np.ndarray:
    for _ in range(at_most):
        further = step(labels)
        if np.array_equal(_numbered(further), _numbered(labels)):
            break
        labels = further
    return labels


def _numbered(labels: np.ndarray) -> np.ndarray:
    return np.unique(labels, return_inverse=True)[1]
