import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.metrics import (
    confusion_counts,
    nearest_right_and_wrong,
    retrieval_metrics,
    retrieval_metrics_per_query,
)
from tests.inference.vectors import on_circle, random_set


def slow_metrics(embeddings: np.ndarray, labels: np.ndarray, k: int) -> dict[str, list[float]]:
    """Straight from the definitions, one query and one rank at a time."""
    values = {name: [] for name in ("p1", "pk", "rp", "map")}
    for q, query in enumerate(embeddings):
        shown = [g for g in range(len(labels)) if g != q]
        is_right = labels == labels[q]
        shown.sort(key=lambda g: (-round(float(query @ embeddings[g]), 9), is_right[g]))
        relevant = [bool(is_right[g]) for g in shown]
        num_relevant = sum(relevant)
        if num_relevant == 0:
            for name in values:
                values[name].append(np.nan)
            continue
        values["p1"].append(float(relevant[0]))
        values["pk"].append(sum(relevant[:k]) / k)
        values["rp"].append(sum(relevant[:num_relevant]) / num_relevant)
        ranks = [rank for rank in range(num_relevant) if relevant[rank]]
        precisions = [sum(relevant[: rank + 1]) / (rank + 1) for rank in ranks]
        values["map"].append(sum(precisions) / num_relevant)
    return values


def test_points_on_a_circle_give_the_published_definitions():
    # Seen from 0 degrees the gallery stands as: a, b, a, b, a. Three are relevant.
    sides = (on_circle(0), ["a"], on_circle(10, 20, 30, 40, 50), ["a", "b", "a", "b", "a"])
    metrics = retrieval_metrics(*sides, k=4)
    assert metrics["precision_at_1"] == 1
    assert metrics["precision_at_4"] == pytest.approx(2 / 4)
    assert metrics["r_precision"] == pytest.approx(2 / 3)
    assert metrics["mean_average_precision_at_r"] == pytest.approx((1 / 1 + 0 + 2 / 3) / 3)


@settings(max_examples=60)
@given(st.integers(2, 25), st.integers(1, 6), st.integers(1, 30), st.integers(0, 10**6))
def test_the_same_set_agrees_with_nested_loops(num, num_labels, k, seed):
    embeddings, labels = random_set(num, num_labels, seed)
    expected = slow_metrics(embeddings.astype(np.float64), labels, k)
    found = retrieval_metrics_per_query(embeddings, labels, k=k)
    names = {"precision_at_1": "p1", "r_precision": "rp", "mean_average_precision_at_r": "map"}
    for name, slow in ({f"precision_at_{k}": "pk"} | names).items():
        assert found[name] == pytest.approx(expected[slow], nan_ok=True)


def test_results_do_not_depend_on_the_size_of_a_block(monkeypatch):
    embeddings, labels = random_set(50, 5, seed=1)
    expected = retrieval_metrics(embeddings, labels)
    monkeypatch.setattr("inference.metrics.retrieval.SIMILARITIES_AT_ONCE", 120)
    assert retrieval_metrics(embeddings, labels) == expected


def test_an_encoder_that_maps_everything_to_one_point_scores_nothing():
    labels = ["a"] * 3 + ["b"] * 3
    means = retrieval_metrics(np.repeat(on_circle(77), 6, axis=0), labels, k=2)
    assert (means["precision_at_1"], means["r_precision"], means["precision_at_2"]) == (0, 0, 0)


def test_queries_without_a_match_are_counted_and_left_out():
    means = retrieval_metrics(on_circle(0, 90), ["a", "c"], on_circle(1, 91), ["a", "b"])
    for name in ("precision_at_1", "num_queries", "num_queries_without_match"):
        assert means[name] == 1


def test_the_nearest_of_each_kind_is_found_as_by_looking_at_every_row():
    (queries, asked), (gallery, known) = random_set(30, 4, 0), random_set(50, 4, 1)
    found = nearest_right_and_wrong(queries, asked, gallery, known)
    for q in range(30):
        similar = {g: float(queries[q].astype(float) @ gallery[g].astype(float)) for g in range(50)}
        right = max((g for g in similar if known[g] == asked[q]), key=lambda g: similar[g])
        wrong = max((g for g in similar if known[g] != asked[q]), key=lambda g: similar[g])
        assert (found.right[q], found.wrong[q]) == (right, wrong)
        assert found.gaps[q] == pytest.approx(similar[right] - similar[wrong], abs=1e-8)
        assert found.nearest[q] == max(similar, key=lambda g: similar[g])


def test_the_gap_is_positive_exactly_where_precision_at_1_is_1():
    (queries, asked), (gallery, known) = random_set(200, 3, 2), random_set(20, 3, 3)
    queries[:5] = gallery[:5] = gallery[5:10]  # equals, of one label and of several
    found = nearest_right_and_wrong(queries, asked, gallery, known)
    hits = retrieval_metrics_per_query(queries, asked, gallery, known)["precision_at_1"]
    np.testing.assert_array_equal(found.gaps > 0, hits == 1)
    np.testing.assert_array_equal(known[found.nearest] == asked, hits == 1)


def test_where_right_and_wrong_are_equally_near_the_wrong_one_is_nearest():
    found = nearest_right_and_wrong(on_circle(0), ["a"], on_circle(10, -10), ["a", "b"])
    assert (found.nearest.tolist(), found.gaps.tolist()) == ([1], [0.0])


def test_a_query_whose_label_is_not_in_the_gallery_has_no_gap():
    found = nearest_right_and_wrong(on_circle(0, 0), ["a", "c"], on_circle(5, 50), ["b", "c"])
    assert found.right.tolist() == [-1, 1]
    assert found.nearest.tolist() == [0, 0]
    assert np.isnan(found.gaps).tolist() == [True, False]
    only_right = nearest_right_and_wrong(on_circle(0), ["a"], on_circle(5), ["a"])
    assert (only_right.wrong.tolist(), only_right.nearest.tolist()) == ([-1], [0])
    assert np.isnan(only_right.gaps).all()


def test_confusions_are_counted_by_true_and_found_label():
    counts = confusion_counts(["a", "a", "b", "a"], ["a", "b", "b", "b"], ["a", "b", "c"])
    assert counts.tolist() == [[1, 2, 0], [0, 1, 0], [0, 0, 0]]
