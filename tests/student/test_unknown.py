import numpy as np
import pytest

from student import (
    StudentTraining,
    UnknownRule,
    calibrate_unknown,
    leave_species_out,
    load_unknown_rule,
    save_unknown_rule,
)
from student.unknown import LeftOutTrial, LogitsOf, best_temperature, fit_unknown_rule

SMALL = {"channels": (4, 8), "feature_sizes": (8, 8), "hidden_size": 8}


def three_species(num, rng, sure=6.0):
    truth = rng.integers(3, size=num)
    logits = rng.normal(size=(num, 3)) + sure * np.eye(3)[truth]
    return LogitsOf(logits, truth, np.array([f"tape {n // 2}" for n in range(num)]))


def test_the_published_rule_is_a_probability_of_at_least_0_7():
    logits = np.log([[0.71, 0.29], [0.69, 0.31]])
    assert UnknownRule().is_known(logits).tolist() == [True, False]


def test_a_temperature_undoes_what_made_logits_too_sure():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4000, 3))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(3, p=row) for row in chances])
    assert best_temperature(LogitsOf(5 * logits, truth, truth)) == pytest.approx(5, rel=0.1)


@pytest.mark.parametrize("kind", ["softmax", "temperature", "energy", "distance"])
def test_a_rule_keeps_the_wanted_share_of_known_clips_and_comes_back_from_disk(kind, tmp_path):
    rng = np.random.default_rng(0)
    rule = fit_unknown_rule(kind, three_species(300, rng), three_species(400, rng), kept_share=0.9)
    fresh = three_species(4000, rng)
    assert rule.is_known(fresh.logits).mean() == pytest.approx(0.9, abs=0.03)
    save_unknown_rule(tmp_path, rule)
    loaded = load_unknown_rule(tmp_path)
    np.testing.assert_array_equal(loaded.scores(fresh.logits), rule.scores(fresh.logits))


def test_the_rule_that_tells_species_left_out_best_is_chosen_and_its_rates_are_told():
    rng = np.random.default_rng(1)
    training, validation = three_species(300, rng), three_species(300, rng)
    surely_wrong = rng.normal(size=(200, 3)) + np.array(
        [6.0, 6.0, -12.0]
    )  # far from all means, not unsure
    surely_wrong[:, 0] += 8
    trial = LeftOutTrial(("D",), training, validation, surely_wrong)
    rule = calibrate_unknown([trial], training, validation)
    assert rule.kind == "distance"
    told = rule.figures["distance"]
    assert told["auroc"] > 0.99
    assert told["unknown_refused"] > 0.9
    assert told["known_kept"] == pytest.approx(0.95, abs=0.04)
    assert rule.figures["published"]["unknown_refused"] < 0.1


def test_students_without_a_species_have_never_heard_it(both_sides):
    training, validation = both_sides
    how = StudentTraining(epochs=1, batch_size=8, warm_up_epochs=0)
    trials = leave_species_out(
        training, validation, num_left_out=1, options=how, progress=False, **SMALL
    )
    assert [trial.left_out for trial in trials] == [("High",), ("Low",), ("Middle",)]
    for number, trial in enumerate(trials):
        gone = (training.primary == number).sum() + (validation.primary == number).sum()
        assert trial.unknown.shape == (gone, 2)
        assert len(trial.training.truth) == (training.primary != number).sum()
    with pytest.raises(ValueError, match="at least two"):
        leave_species_out(training, validation, num_left_out=2)


def test_a_damaged_rule_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="student unknown"):
        load_unknown_rule(tmp_path)
    (tmp_path / "unknown.json").write_text('{"kind": "guess", "means": [], "precision": []}')
    with pytest.raises(ValueError, match="damaged"):
        load_unknown_rule(tmp_path)
