import json
from collections.abc import Callable

import numpy as np
import pytest

from inference.grouping import rule as rule_module
from inference.grouping.atoms import Atoms, lone_atoms
from inference.grouping.rule import GroupingRule, TriedFootage, fit_grouping_rule
from inference.metrics import bcubed

Known = tuple[np.ndarray, np.ndarray]


def clear_individuals(num: int, views: int, seed: int = 0, noise: float = 0.1) -> Known:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(num), views)
    vectors = rng.standard_normal((num, 16))[labels]
    vectors += noise * rng.standard_normal(vectors.shape)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), labels


@pytest.fixture
def few_footages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_module, "NUM_FOOTAGES", 3)


def test_evidence_is_chosen_where_it_does_clearly_better(fitted_rule: GroupingRule) -> None:
    best = max(fitted_rule.held_out_f1, key=fitted_rule.held_out_f1.__getitem__)
    assert best.startswith("evidence_")
    assert fitted_rule.held_out_f1[best] > fitted_rule.held_out_f1["average_linkage"] + 0.02
    assert fitted_rule.model is not None
    assert f"evidence_{fitted_rule.model.evidence_scale:g}" in fitted_rule.held_out_f1
    assert fitted_rule.num_individuals == 40


def test_the_chosen_way_does_better_on_individuals_that_nobody_saw(
    fitted_rule: GroupingRule, unseen: Known
) -> None:
    embeddings, labels = unseen
    atoms = lone_atoms(embeddings.astype(float))
    by_linkage = GroupingRule(fitted_rule.threshold, False, None, {}, (), 0)
    chosen, linked = (bcubed(labels, rule.group(atoms)).f1 for rule in (fitted_rule, by_linkage))
    assert chosen > linked
    assert chosen > 0.95


@pytest.mark.usefixtures("few_footages")
def test_average_linkage_stays_where_it_is_as_good() -> None:
    fitted = fit_grouping_rule(*clear_individuals(12, 4))
    assert fitted.held_out_f1["average_linkage"] == pytest.approx(1)
    assert (fitted.model, fitted.improves) == (None, False)


@pytest.mark.parametrize(
    ("scores", "way"),
    [
        ({"average_linkage": [0.9, 0.9], "evidence_1": [0.904, 0.904]}, "average_linkage"),
        ({"average_linkage": [0.9, 0.9], "evidence_1": [0.99, 0.89]}, "average_linkage"),
        (
            {"average_linkage": [0.9, 0.8], "average_linkage_improved": [0.91, 0.81]},
            "average_linkage_improved",
        ),
        (
            {
                "average_linkage": [0.9],
                "average_linkage_improved": [0.946],
                "evidence_1": [0.95],
            },
            "average_linkage_improved",
        ),
        (
            {"average_linkage": [0.9], "average_linkage_improved": [0.94], "evidence_1": [0.95]},
            "evidence_1",
        ),
        ({"average_linkage": [1.0]}, "average_linkage"),
    ],
)
def test_another_way_is_taken_only_if_clearly_better(scores: dict, way: str) -> None:
    assert rule_module._best_way(scores) == way


@pytest.mark.usefixtures("few_footages")
def test_the_same_seed_gives_the_same_rule() -> None:
    embeddings, labels = clear_individuals(8, 3, noise=0.8)
    first, second = (fit_grouping_rule(embeddings, labels, seed=4).to_dict() for _ in range(2))
    assert first == second
    assert fit_grouping_rule(embeddings, labels, seed=5).to_dict()["tried"] != first["tried"]


def test_nobody_who_is_grouped_in_a_trial_was_fitted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings, labels = clear_individuals(16, 3, seed=3, noise=0.9)
    name_of = dict(zip(map(_key, embeddings), labels.tolist(), strict=True))
    fitted_on: set[int] = set()
    num_trials = 0

    def spy_on_fit(name: str) -> None:
        original = getattr(rule_module, name)

        def spy(observations: np.ndarray, individual_of: np.ndarray) -> object:
            fitted_on.clear()
            fitted_on.update(name_of[_key(row)] for row in observations)
            return original(observations, individual_of)

        monkeypatch.setattr(rule_module, name, spy)

    def spy_on_trial(name: str) -> None:
        original: Callable[..., object] = getattr(rule_module, name)

        def spy(atoms: Atoms, *options: object) -> object:
            nonlocal num_trials
            num_trials += 1
            tried = {name_of[_key(row)] for row in atoms.observations}
            assert fitted_on
            assert not tried & fitted_on
            return original(atoms, *options)

        monkeypatch.setattr(rule_module, name, spy)

    spy_on_fit("best_threshold")
    spy_on_fit("fit_model_of_observations")
    spy_on_trial("group_by_evidence")
    spy_on_trial("_linked")
    monkeypatch.setattr(rule_module, "NUM_FOOTAGES", 5)
    fit_grouping_rule(embeddings, labels)
    assert num_trials == 4 * 4 + 2 * 5  # four halves in four ways, and five footages of two halves
    assert len(fitted_on) == 16  # the rule itself is of all


def _key(row: np.ndarray) -> bytes:
    return np.asarray(row, np.float32).tobytes()


def test_tried_footages_are_of_one_to_all_left_out_individuals(fitted_rule: GroupingRule) -> None:
    num_true = [footage.num_true for footage in fitted_rule.tried]
    assert len(num_true) == 40
    assert min(num_true) <= 2
    assert 13 <= max(num_true) <= 20
    for footage in fitted_rule.tried:
        assert 1 <= footage.num_found <= footage.num_observations
        assert footage.num_true <= footage.num_observations


def test_a_rule_goes_through_json_and_groups_alike(
    fitted_rule: GroupingRule, unseen: Known
) -> None:
    again = GroupingRule.from_dict(json.loads(json.dumps(fitted_rule.to_dict())))
    assert again.to_dict() == fitted_rule.to_dict()
    assert again.tried == fitted_rule.tried
    atoms = lone_atoms(unseen[0].astype(float))
    assert np.array_equal(again.group(atoms), fitted_rule.group(atoms))


@pytest.mark.parametrize("improves", [False, True])
def test_a_rule_without_a_model_goes_through_json(improves: bool) -> None:
    rule = GroupingRule(0.5, improves, None, {"average_linkage": 0.9}, (TriedFootage(3, 2, 9),), 7)
    again = GroupingRule.from_dict(json.loads(json.dumps(rule.to_dict())))
    assert again.to_dict() == rule.to_dict()
    assert (again.improves, again.model, again.tried) == (improves, None, rule.tried)


@pytest.mark.parametrize(
    "damage",
    [
        {"threshold": None},
        {"threshold": "high"},
        {"model": {}},
        {"held_out_f1": [0.5]},
        {"tried": [[1, 2]]},
        {"tried": [[0, 1, 5]]},
        {"tried": 7},
        {"num_individuals": None},
    ],
)
def test_damaged_rules_are_refused(damage: dict) -> None:
    record = GroupingRule(0.5, False, None, {}, (), 0).to_dict()
    with pytest.raises(ValueError, match=r"or it is damaged .* Calibrate the encoder again\."):
        GroupingRule.from_dict(record | damage)
    with pytest.raises(ValueError, match="no grouping rule"):
        GroupingRule.from_dict({})


def test_improvement_afterwards_never_lowers_the_total_over_pairs() -> None:
    embeddings, _ = clear_individuals(15, 4, noise=1.0)
    atoms = lone_atoms(embeddings)
    similarities = embeddings @ embeddings.T - 0.3
    np.fill_diagonal(similarities, 0)

    def total(improves: bool) -> float:
        labels = GroupingRule(0.3, improves, None, {}, (), 0).group(atoms)
        return float(similarities[labels[:, np.newaxis] == labels].sum())

    assert total(True) > total(False)


@pytest.mark.usefixtures("few_footages")
def test_frames_of_one_source_are_one_observation() -> None:
    embeddings, labels = clear_individuals(8, 3, noise=0.5)
    repeated = fit_grouping_rule(
        np.repeat(embeddings, 5, axis=0),
        np.repeat(labels, 5),
        sources=np.repeat(np.arange(len(labels)), 5),
    )
    plain = fit_grouping_rule(embeddings, labels)
    assert repeated.threshold == pytest.approx(plain.threshold, abs=1e-6)
    assert repeated.held_out_f1 == pytest.approx(plain.held_out_f1, abs=1e-6)


def test_two_individuals_give_average_linkage_of_which_no_error_is_known() -> None:
    fitted = fit_grouping_rule(*clear_individuals(2, 3))
    assert (fitted.model, fitted.improves, fitted.tried) == (None, False, ())
    assert dict(fitted.held_out_f1) == {}
    assert -1 < fitted.threshold < 1


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a", "a", "a"], "received 1 individuals"),
        (["a", "b", "c"], "the most often seen in 1 sources"),
        (["a", "b"], "received 2 labels and 3 sources"),
    ],
)
def test_too_few_individuals_are_refused(labels: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_grouping_rule(np.eye(3), labels)
