import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.metrics import bcubed, grouping_metrics

labellings = st.integers(1, 20).flatmap(
    lambda num: st.tuples(*[st.lists(st.integers(0, 4), min_size=num, max_size=num)] * 2)
)


def slow_bcubed(true: list[int], predicted: list[int]) -> tuple[float, float]:
    precisions, recalls = [], []
    for i in range(len(true)):
        own_group = {j for j in range(len(true)) if predicted[j] == predicted[i]}
        own_individual = {j for j in range(len(true)) if true[j] == true[i]}
        precisions.append(len(own_group & own_individual) / len(own_group))
        recalls.append(len(own_group & own_individual) / len(own_individual))
    return float(np.mean(precisions)), float(np.mean(recalls))


@given(labellings)
def test_bcubed_agrees_with_sets_counted_one_by_one(labels):
    scores = bcubed(*labels)
    assert scores[:2] == pytest.approx(slow_bcubed(*labels))
    assert scores.f1 == pytest.approx(2 * scores.precision * scores.recall / sum(scores[:2]))


def test_the_true_grouping_under_other_names_is_perfect():
    metrics = grouping_metrics(["a", "a", "b", "c"], [7, 7, 3, 1])
    for error in ("count_error", "absolute_count_error", "wrong_splits", "wrong_merges"):
        assert metrics.pop(error) == 0
    assert list(metrics.values()) == pytest.approx([1.0] * len(metrics))


@given(labellings)
def test_pair_scores_agree_with_pairs_counted_one_by_one(labels):
    true, predicted = labels
    pairs = [(i, j) for i in range(len(true)) for j in range(i)]
    together = {pair for pair in pairs if predicted[pair[0]] == predicted[pair[1]]}
    rightly = {pair for pair in pairs if true[pair[0]] == true[pair[1]]}
    metrics = grouping_metrics(true, predicted)
    num_both = len(together & rightly)
    assert metrics["pair_precision"] == (num_both / len(together) if together else 1)
    assert metrics["pair_recall"] == (num_both / len(rightly) if rightly else 1)


@given(labellings)
def test_splits_less_merges_are_the_count_error(labels):
    true, predicted = labels
    parts = {who: {p for t, p in zip(*labels, strict=True) if t == who} for who in true}
    whole = {group: {t for t, p in zip(*labels, strict=True) if p == group} for group in predicted}
    metrics = grouping_metrics(true, predicted)
    assert metrics["wrong_splits"] == sum(len(groups) - 1 for groups in parts.values())
    assert metrics["wrong_merges"] == sum(len(individuals) - 1 for individuals in whole.values())
    assert metrics["count_error"] == metrics["wrong_splits"] - metrics["wrong_merges"]


@pytest.mark.parametrize(
    ("predicted", "scores", "count_error"),
    [([0, 0, 0, 0], (0.5, 1.0), -1), ([0, 1, 2, 3], (1.0, 0.5), 2)],
    ids=["one group for all", "everyone alone"],
)
def test_too_few_groups_have_full_recall_too_many_full_precision(predicted, scores, count_error):
    true = ["a", "a", "b", "b"]
    assert bcubed(true, predicted)[:2] == scores
    metrics = grouping_metrics(true, predicted)
    assert (metrics["count_error"], metrics["adjusted_rand_index"]) == (count_error, 0)
