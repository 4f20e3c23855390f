import numpy as np
import pytest

from inference.metrics import (
    confusion_counts,
    nearest_right_and_wrong,
    retrieval_metrics_per_query,
)


def on_circle(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def random_set(num: int, num_labels: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    vectors = generator.standard_normal((num, 3))
    embeddings = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return embeddings, generator.integers(0, num_labels, num)


def test_the_nearest_of_each_kind_is_found_as_by_looking_at_every_row() -> None:
    (queries, asked), (gallery, known) = random_set(30, 4, 0), random_set(50, 4, 1)
    found = nearest_right_and_wrong(queries, asked, gallery, known)
    for q in range(30):
        similar = {g: float(queries[q].astype(float) @ gallery[g].astype(float)) for g in range(50)}
        right = max((g for g in similar if known[g] == asked[q]), key=lambda g: similar[g])
        wrong = max((g for g in similar if known[g] != asked[q]), key=lambda g: similar[g])
        assert (found.right[q], found.wrong[q]) == (right, wrong)
        assert found.gaps[q] == pytest.approx(similar[right] - similar[wrong], abs=1e-8)
        assert found.nearest[q] == max(similar, key=lambda g: similar[g])


def test_the_gap_is_positive_exactly_where_precision_at_1_is_1() -> None:
    (queries, asked), (gallery, known) = random_set(200, 3, 2), random_set(20, 3, 3)
    queries[:5] = gallery[:5] = gallery[5:10]  # equals, of one label and of several
    found = nearest_right_and_wrong(queries, asked, gallery, known)
    hits = retrieval_metrics_per_query(queries, asked, gallery, known)["precision_at_1"]
    np.testing.assert_array_equal(found.gaps > 0, hits == 1)
    np.testing.assert_array_equal(known[found.nearest] == asked, hits == 1)


def test_where_right_and_wrong_are_equally_near_the_wrong_one_is_nearest() -> None:
    found = nearest_right_and_wrong(on_circle(0), ["a"], on_circle(10, -10), ["a", "b"])
    assert (found.nearest.tolist(), found.gaps.tolist()) == ([1], [0.0])


def test_a_query_whose_label_is_not_in_the_gallery_has_no_gap() -> None:
    found = nearest_right_and_wrong(on_circle(0, 0), ["a", "c"], on_circle(5, 50), ["b", "c"])
    assert found.right.tolist() == [-1, 1]
    assert found.nearest.tolist() == [0, 0]
    assert np.isnan(found.gaps).tolist() == [True, False]
    only_right = nearest_right_and_wrong(on_circle(0), ["a"], on_circle(5), ["a"])
    assert (only_right.wrong.tolist(), only_right.nearest.tolist()) == ([-1], [0])
    assert np.isnan(only_right.gaps).all()


def test_results_do_not_depend_on_the_size_of_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    (queries, asked), (gallery, known) = random_set(40, 4, 4), random_set(30, 4, 5)
    whole = nearest_right_and_wrong(queries, asked, gallery, known)
    monkeypatch.setattr("inference.metrics.retrieval.SIMILARITIES_AT_ONCE", 70)
    blocks = nearest_right_and_wrong(queries, asked, gallery, known)
    np.testing.assert_array_equal(blocks.nearest, whole.nearest)
    np.testing.assert_array_equal(blocks.gaps, whole.gaps)


def test_confusions_are_counted_by_true_and_found_label() -> None:
    counts = confusion_counts(["a", "a", "b", "a"], ["a", "b", "b", "b"], ["a", "b", "c"])
    assert counts.tolist() == [[1, 2, 0], [0, 1, 0], [0, 0, 0]]


def test_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(KeyError, match="x"):
        confusion_counts(["a", "b"], ["a", "x"], ["a", "b"])
    with pytest.raises(ValueError, match="shorter"):
        confusion_counts(["a", "b"], ["a"], ["a", "b"])


def test_sides_that_do_not_fit_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"query_labels must hold one value for each of the 2 rows"
    ):
        nearest_right_and_wrong(on_circle(0, 1), ["a"], on_circle(0), ["a"])
