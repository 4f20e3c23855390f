import json
from dataclasses import asdict

import numpy as np
import pytest

from inference.calibrate import Calibration, CountTrial, GroupingRule, with_groupings
from inference.calibrate import grouping_rule as module
from inference.calibrate.grouping_rule import fit_grouping_rule

Known = tuple[np.ndarray, np.ndarray]


def individuals(num: int, views: int, noise: float = 0.1) -> Known:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(num), views)
    vectors = rng.standard_normal((num, 64))[labels]
    vectors += noise * rng.standard_normal(vectors.shape)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), labels


def test_clear_individuals_are_all_found_and_counted_right():
    rule = fit_grouping_rule(*individuals(12, 4))
    assert rule.held_out_f1 == pytest.approx(1)
    assert rule.num_individuals == 12
    assert len(rule.trials) == module.NUM_HALVES * module.TRIALS_PER_HALF
    assert all(trial.num_found == trial.num_true <= trial.num_observations for trial in rule.trials)
    assert {trial.num_true for trial in rule.trials} == {1, 2, 3, 4, 5, 6}


def test_the_same_seed_gives_the_same_rule():
    known = individuals(8, 3, noise=0.8)
    first, second = (fit_grouping_rule(*known, seed=4) for _ in range(2))
    assert first == second
    assert fit_grouping_rule(*known, seed=5).trials != first.trials


def test_nobody_who_is_grouped_in_a_trial_was_fitted_on(monkeypatch):
    embeddings, labels = individuals(16, 3, noise=0.9)
    name_of = dict(zip((row.tobytes() for row in embeddings), labels.tolist(), strict=True))
    fitted_on: set[int] = set()
    num_grouped = 0
    fit, group = module.best_threshold, module._group

    def spy_on_fit(observations: np.ndarray, individual_of: np.ndarray) -> float:
        fitted_on.clear()
        fitted_on.update(name_of[row.tobytes()] for row in observations)
        return fit(observations, individual_of)

    def spy_on_trial(observations: np.ndarray, threshold: float) -> np.ndarray:
        nonlocal num_grouped
        num_grouped += 1
        assert fitted_on
        assert fitted_on.isdisjoint(name_of[row.tobytes()] for row in observations)
        return group(observations, threshold)

    monkeypatch.setattr(module, "check_embeddings", lambda given: given)
    monkeypatch.setattr(module, "best_threshold", spy_on_fit)
    monkeypatch.setattr(module, "_group", spy_on_trial)
    monkeypatch.setattr(module, "TRIALS_PER_HALF", 5)
    fit_grouping_rule(embeddings, labels)
    assert num_grouped == 8 * (1 + 5)
    assert len(fitted_on) == 16  # the rule itself is of all


def test_frames_of_one_source_are_one_observation():
    embeddings, labels = individuals(8, 3, noise=0.5)
    sources = np.repeat(np.arange(len(labels)), 5)
    repeated = fit_grouping_rule(
        np.repeat(embeddings, 5, axis=0), np.repeat(labels, 5), sources=sources
    )
    plain = fit_grouping_rule(embeddings, labels)
    assert repeated.threshold == pytest.approx(plain.threshold, abs=1e-6)
    assert repeated.held_out_f1 == pytest.approx(plain.held_out_f1, abs=1e-6)


def test_of_two_individuals_no_error_is_known():
    rule = fit_grouping_rule(*individuals(2, 3))
    assert (rule.held_out_f1, rule.trials) == (None, ())
    assert -1 < rule.threshold < 1


def test_each_modality_with_enough_individuals_gets_a_rule():
    embeddings, labels = individuals(8, 3)
    modalities = np.where(labels < 5, "image", "audio")  # three individuals are too few
    calibration = with_groupings(Calibration("f"), embeddings, labels, modalities=modalities)
    assert set(calibration.groupings) == {"image"}
    assert calibration.groupings["image"].num_individuals == 5
    seen_once = with_groupings(Calibration("f"), embeddings, labels, sources=labels)
    assert seen_once.groupings == {}


def test_a_rule_goes_through_json():
    for rule in (GroupingRule(0.5, 0.9, (CountTrial(3, 2, 9),), 7), GroupingRule(0.5)):
        assert GroupingRule.from_dict(json.loads(json.dumps(asdict(rule)))) == rule


@pytest.mark.parametrize(
    "damage",
    [{"threshold": None}, {"threshold": 2}, {"trials": [[1, 2]]}, {"trials": [[0, 1, 5]]}],
)
def test_damaged_rules_are_refused(damage):
    rule = asdict(GroupingRule(0.5)) | damage
    with pytest.raises(ValueError, match="Not a calibration"):
        Calibration.from_dict(Calibration("f").to_dict() | {"groupings": {"image": rule}})
