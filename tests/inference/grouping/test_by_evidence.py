from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.grouping.atoms import Atoms, lone_atoms
from inference.grouping.by_evidence import group_by_evidence
from inference.grouping.identity_model import IdentityModel
from inference.grouping.improvement import groups_of
from inference.grouping.linear import link_by_similarity
from inference.grouping.rule import GroupingRule
from inference.metrics import bcubed

Known = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def model(fitted_rule: GroupingRule) -> IdentityModel:
    assert fitted_rule.model is not None
    return fitted_rule.model


@pytest.mark.parametrize("num", [0, 1, 2])
def test_few_atoms_are_grouped(model: IdentityModel, unseen: Known, num: int) -> None:
    embeddings, labels = unseen
    same = embeddings[labels == labels[0]][:num].astype(float)
    assert group_by_evidence(lone_atoms(same), model).labels.tolist() == [0] * num


def test_one_animal_seen_often_is_one_and_many_seen_once_are_many(
    model: IdentityModel, unseen: Known
) -> None:
    embeddings, labels = unseen
    one = embeddings[labels == np.bincount(labels).argmax()].astype(float)
    assert len(one) >= 8
    assert len(np.unique(group_by_evidence(lone_atoms(one), model).labels)) == 1
    first = np.unique(labels, return_index=True)[1]
    many = group_by_evidence(lone_atoms(embeddings[first].astype(float)), model).labels
    assert len(np.unique(many)) >= len(first) - 2


def test_the_total_is_not_below_that_of_the_truth_or_of_its_own_beginning(
    model: IdentityModel, unseen: Known
) -> None:
    embeddings, labels = unseen
    found = group_by_evidence(lone_atoms(embeddings.astype(float)), model)
    assert bcubed(labels, found.labels).f1 > 0.95
    total = found.groups.score.sum()
    assert total == pytest.approx(groups_of(found.atoms, found.labels).score.sum())
    assert total >= groups_of(found.atoms, labels).score.sum() - 1.0
    assert total > found.atoms.score.sum()


@settings(max_examples=8, deadline=None)
@given(num_apart=st.integers(0, 300), seed=st.integers(0, 10**6))
def test_what_is_apart_is_never_together(
    model: IdentityModel, unseen: Known, num_apart: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    observations = unseen[0][rng.permutation(200)[:60]].astype(float)
    pairs = np.sort(rng.integers(0, 60, (num_apart, 2)), axis=1)
    apart = np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0)
    atoms = Atoms(observations, np.arange(60), apart, np.zeros(60, np.int8))
    labels = group_by_evidence(atoms, model).labels
    assert (labels[apart[:, 0]] != labels[apart[:, 1]]).all()
    assert np.array_equal(np.unique(labels), np.arange(labels.max() + 1))


def test_look_alikes_seen_together_are_kept_apart_and_others_still_joined(
    model: IdentityModel, unseen: Known
) -> None:
    embeddings, labels = unseen
    one = embeddings[labels == np.bincount(labels).argmax()][:8].astype(float)
    apart = np.array([[0, 1]])
    atoms = Atoms(one, np.arange(8), apart, np.zeros(8, np.int8))
    found = group_by_evidence(atoms, model).labels
    assert found[0] != found[1]
    assert len(np.unique(found)) == 2


def test_another_beginning_leads_to_about_the_same(model: IdentityModel, unseen: Known) -> None:
    embeddings, labels = unseen
    atoms = lone_atoms(embeddings.astype(float))
    usual = group_by_evidence(atoms, model).labels
    from_truth = group_by_evidence(atoms, model, start=labels).labels
    assert bcubed(usual, from_truth).f1 > 0.95


def test_many_equal_embeddings_are_one_individual(model: IdentityModel, unseen: Known) -> None:
    copies = np.repeat(unseen[0][:3].astype(float), 40, axis=0)
    found = group_by_evidence(lone_atoms(copies), model).labels
    assert all(len(set(found[start : start + 40])) == 1 for start in (0, 40, 80))


def test_where_nothing_is_surely_one_at_first_the_evidence_still_joins(
    model: IdentityModel, unseen: Known
) -> None:
    # Poorer views than those the model was fitted on: no two are as alike as its beginning asks.
    embeddings, labels = unseen
    one = embeddings[labels == np.bincount(labels).argmax()].astype(float)
    noise = np.random.default_rng(0).standard_normal(one.shape) / 10
    poor = (one + noise) / np.linalg.norm(one + noise, axis=1, keepdims=True)
    atoms = lone_atoms(poor)
    cautious = replace(model, start_similarity=0.999)
    assert len(np.unique(link_by_similarity(atoms, 0.999))) == len(poor)
    assert len(np.unique(group_by_evidence(atoms, cautious).labels)) <= 2
