import numpy as np
import pytest
from matplotlib.figure import Figure

from training.evaluate import Evaluation, draw_pairs, embed_pairs
from training.plots import (
    draw_spectrogram,
    plot_embedding_map,
    plot_history,
    plot_query_sheet,
    query_sheet,
)


class FirstFrame:
    """An embedder that needs no encoder."""

    def embed_features(self, images, sequences):
        return np.stack([s[0] / np.linalg.norm(s[0]) for s in sequences])


@pytest.fixture(scope="module")
def evaluation(trained):
    sides = [
        embed_pairs(FirstFrame(), media, draw_pairs(media, 3, seed=0), ("fused",))
        for media in (trained.training, trained.held_out)
    ]
    return Evaluation(*sides, {}, (0.0, 1.0))


def test_curves_have_a_point_for_every_epoch():
    figure = plot_history({"loss": [0.2, 0.1], "val_precision_at_1": [0.5, 0.75]})
    left, right = figure.axes
    assert left.lines[0].get_xydata().tolist() == [[1, 0.2], [2, 0.1]]
    assert right.lines[0].get_xydata().tolist() == [[1, 0.5], [2, 0.75]]


@pytest.mark.filterwarnings("error")
def test_curves_without_validation_are_drawn_too():
    assert plot_history({"loss": [0.2]}).axes[0].get_title() == "Triplet loss"


def test_a_query_sheet_goes_from_the_nearest_neighbour_on(evaluation, trained):
    rows = query_sheet(
        evaluation, trained.training, trained.held_out, num_queries=3, num_neighbours=4
    )
    assert [len(row) for row in rows] == [5, 5, 5]
    for query, *neighbours in rows:
        assert query.is_right is None
        similarities = [float(shown.caption.rpartition(" ")[2]) for shown in neighbours]
        assert similarities == sorted(similarities, reverse=True)
        for shown in neighbours:
            assert shown.is_right == (shown.caption.rpartition("  ")[0] == query.caption)


def test_a_query_sheet_shows_photos_and_spectrograms(evaluation, trained):
    rows = query_sheet(evaluation, trained.training, trained.held_out, num_queries=2)
    figure = plot_query_sheet(rows)
    assert sum(bool(axes.images) for axes in figure.axes) == 2 * 2 * 6


def test_more_queries_than_there_are_show_each_once(evaluation, trained):
    rows = query_sheet(evaluation, trained.training, trained.held_out, num_queries=1000)
    assert len(rows) == len(evaluation.queries.pairs.labels)


@pytest.mark.parametrize("num", [3, 40])
def test_an_embedding_map_has_one_point_per_embedding(num):
    vectors = np.random.default_rng(0).normal(size=(num, 8)).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    figure = plot_embedding_map(
        unit, ["wren", "rail", "wren", "a" * 60] * (num // 4) or list("abc")
    )
    assert sum(len(c.get_offsets()) for c in figure.axes[0].collections) == num


def test_a_recording_that_cannot_be_read_says_so(tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    for path in (tmp_path / "broken.wav", tmp_path / "gone.wav"):
        axes = Figure().subplots()
        draw_spectrogram(axes, path)
        assert [text.get_text() for text in axes.texts] == ["cannot be read"]
