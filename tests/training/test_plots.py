import numpy as np
import pytest

from training.plots import plot_confusion, plot_embedding_map, plot_history, plot_rows


def test_curves_have_a_point_for_every_epoch():
    figure = plot_history({"loss": [0.2, 0.1], "val_precision_at_1": [0.5, 0.75]})
    left, right = figure.axes
    assert left.lines[0].get_xydata().tolist() == [[1, 0.2], [2, 0.1]]
    assert right.lines[0].get_xydata().tolist() == [[1, 0.5], [2, 0.75]]


def row(value: float, low: float, high: float) -> dict[str, float]:
    return {
        "precision_at_1": value,
        "precision_at_1_low": low,
        "precision_at_1_high": high,
        "chance_precision_at_1": 0.1,
    }


def test_rows_show_value_interval_and_guessing():
    rows = {"fused": row(0.8, 0.6, 0.9), "raw_pixels": row(0.3, float("nan"), float("nan"))}
    axes = plot_rows(rows, {"fused": "both"}).axes[0]
    interval, value, guessing = axes.lines[:3]
    assert interval.get_xdata().tolist() == [0.6, 0.9]
    assert (list(value.get_xdata()), list(guessing.get_xdata())) == ([0.8], [0.1, 0.1])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["both", "raw_pixels"]


def test_a_confusion_matrix_shows_shares_of_each_class():
    axes = plot_confusion(np.array([[3, 1], [0, 0]]), ["wren", "rail"]).axes[0]
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.75, 0.25], [0, 0]])
    assert sorted(text.get_text() for text in axes.texts) == ["25", "75"]


@pytest.mark.parametrize("num_classes", [1, 9, 30, 100])
def test_a_confusion_matrix_stays_readable_with_many_classes(num_classes):
    rng = np.random.default_rng(0)
    confusion = rng.poisson(0.1, (num_classes, num_classes)) + 3 * np.eye(num_classes, dtype=int)
    axes = plot_confusion(confusion, [f"species {i}" for i in range(num_classes)]).axes[0]
    cells = np.asarray(axes.images[0].get_array())
    shown = min(num_classes, 30)
    assert cells.shape == (shown, shown + (num_classes > 30))
    np.testing.assert_allclose(cells.sum(axis=1), 1)
    labels = [text.get_text() for text in axes.get_xticklabels()]
    assert (labels[-1] == "the 70 others") == (num_classes == 100)


@pytest.mark.parametrize("num", [3, 40])
def test_an_embedding_map_has_one_point_per_embedding(num):
    vectors = np.random.default_rng(0).normal(size=(num, 8)).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = ["wren", "rail", "wren", "a" * 60] * (num // 4) or list("abc")
    axes = plot_embedding_map(unit, labels).axes[0]
    assert sum(len(c.get_offsets()) for c in axes.collections) == num
    assert len(axes.get_legend().get_texts()) == len(set(labels))


def test_a_map_of_many_classes_has_their_numbers_instead_of_a_legend():
    vectors = np.random.default_rng(0).normal(size=(40, 8)).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    names = [f"{i:02}" for i in range(50)]
    axes = plot_embedding_map(unit, names[10:], class_names=names).axes[0]
    assert axes.get_legend() is None
    assert [text.get_text() for text in axes.texts] == [str(i) for i in range(11, 51)]
