import pytest
from matplotlib.figure import Figure

from tests.training.conftest import PixelsAndFirstFrame
from training.evaluate import evaluate_encoder
from training.query_sheet import best_and_worst_queries, draw_spectrogram, plot_query_sheet


@pytest.fixture(scope="module")
def evaluation(sides):
    return evaluate_encoder(PixelsAndFirstFrame(), *sides)


@pytest.fixture(scope="module")
def best_and_worst(evaluation, sides):
    return best_and_worst_queries(evaluation, *sides, num_queries=2, num_neighbours=3)


def test_the_best_have_the_widest_gaps_and_the_worst_the_narrowest(evaluation, best_and_worst):
    best, worst = best_and_worst
    gaps = evaluation.nearest.gaps
    assert (best[0].gap, worst[0].gap) == (gaps.max(), gaps.min())
    assert best[0].gap >= best[1].gap >= worst[1].gap >= worst[0].gap


def test_no_file_asks_twice_in_a_list_and_no_query_is_in_both(evaluation, sides):
    best, worst = best_and_worst_queries(evaluation, *sides, num_queries=1000)
    for answered in (best, worst):
        for kind in ("photo_path", "recording_path"):
            files = [getattr(query.query, kind) for query in answered]
            assert len(set(files)) == len(files)
    asked = [{(q.query.photo_path, q.query.recording_path) for q in side} for side in (best, worst)]
    assert not asked[0] & asked[1]


def test_neighbours_come_from_the_nearest_on_each_photo_once(best_and_worst):
    for query in (*best_and_worst[0], *best_and_worst[1]):
        similarities = [near.similarity for near in query.neighbours]
        assert similarities == sorted(similarities, reverse=True)
        assert query.neighbours[0].rank == 1
        photos = [near.shown.photo_path for near in query.neighbours]
        assert len(set(photos)) == len(photos)
        assert query.neighbours[0].is_right == (query.gap > 0)


def test_a_wrong_answer_ends_with_the_nearest_of_the_right_class(evaluation, sides):
    _, worst = best_and_worst_queries(evaluation, *sides, num_queries=4, num_neighbours=1)
    for query in worst:
        assert query.neighbours[-1].is_right
        assert query.neighbours[-1].shown.label == query.query.label


def test_a_sheet_shows_photos_and_spectrograms(best_and_worst, evaluation):
    figure = plot_query_sheet(best_and_worst[1], evaluation.class_names)
    assert sum(bool(axes.images) for axes in figure.axes) == 2 * 2 * 4
    titles = [axes.get_title() for axes in figure.axes]
    worst = best_and_worst[1][0]
    assert titles[0] == f"asks: {worst.query.label}\ngap {worst.gap:+.2f}"
    assert titles[1].splitlines()[1][0] == ("✓" if worst.gap > 0 else "✗")


def test_a_recording_that_cannot_be_read_says_so(tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    for path in (tmp_path / "broken.wav", tmp_path / "gone.wav"):
        axes = Figure().subplots()
        draw_spectrogram(axes, path)
        assert [text.get_text() for text in axes.texts] == ["cannot be read"]
