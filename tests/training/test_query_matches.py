from dataclasses import replace

import numpy as np
import pytest

from inference.matching import RootSift
from media import save_image
from training.query_matches import plot_query_matches
from training.query_sheet import AnsweredQuery, Neighbour, Shown

FEATURES = RootSift(longest_side_px=200)


@pytest.fixture
def answered(tmp_path):
    """A wren's query that found a tit, and then the wren."""

    def shown(name, label, seed):
        blocks = np.random.default_rng(seed).integers(0, 255, (9, 12, 3), np.uint8)
        save_image(tmp_path / name, blocks.repeat(16, 0).repeat(16, 1))
        return Shown(None, tmp_path / name, None, label)

    neighbours = (
        Neighbour(shown("tit.png", "tit", 1), 0.9, 1, False),
        Neighbour(shown("wren.png", "wren", 0), 0.8, 2, True),
    )
    return AnsweredQuery(shown("asks.png", "wren", 0), neighbours, -0.1)


def test_the_nearest_and_the_nearest_right_photo_are_beside_the_query(answered, tmp_path):
    figure = plot_query_matches([answered], ["tit", "wren"], features=FEATURES, directory=tmp_path)
    wrong, right = (axes.get_title() for axes in figure.axes)
    assert wrong.startswith("wren | tit\n✗")
    assert right.startswith("wren | wren\n✓")
    assert int(right.split()[4]) > 10 > int(wrong.split()[4])
    assert all(axes.images for axes in figure.axes)


def test_of_a_photo_with_a_box_the_animal_is_compared_and_shown(answered, tmp_path):
    cut = replace(answered.query, photo_box=(0.0, 0.0, 48.0, 144.0))  # a quarter of its width
    figure = plot_query_matches(
        [replace(answered, query=cut)], ["tit", "wren"], features=FEATURES, directory=tmp_path
    )
    whole = plot_query_matches([answered], ["tit", "wren"], features=FEATURES, directory=tmp_path)
    (narrow, *_), (wide, *_) = (
        [axes.images[0].get_array().shape[1] for axes in each.axes] for each in (figure, whole)
    )
    assert narrow < wide


def test_queries_without_photos_are_left_out(answered, tmp_path):
    call = replace(answered, query=Shown(None, None, tmp_path / "a.wav", "wren"))
    figure = plot_query_matches(
        [call, answered], ["tit", "wren"], features=FEATURES, directory=tmp_path
    )
    assert len(figure.axes) == 2
    with pytest.raises(ValueError, match="Expected queries with photos"):
        plot_query_matches([call], ["tit", "wren"])
