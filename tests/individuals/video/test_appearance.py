import numpy as np
import pytest

from individuals.video.appearance import colour_appearance
from individuals.video.detection import Detection


def look(frame, box):
    return colour_appearance(frame, Detection(0, 0.0, box))


def box_of(left, top, side=40):
    return (float(left), float(top), float(left + side), float(top + side))


def test_an_animal_looks_like_itself_elsewhere_and_unlike_another(squares):
    here, there = squares([{"red": (10, 20)}, {"red": (70, 60), "blue": (10, 20)}])
    red, red_again, blue = (
        look(here, box_of(10, 20)),
        look(there, box_of(70, 60)),
        look(there, box_of(10, 20)),
    )
    assert red @ red_again > 0.9 > 0.7 > red @ blue


def test_turning_round_changes_little_and_upside_down_much():
    frame = np.zeros((40, 40, 3), np.uint8)
    frame[:20], frame[20:] = (180, 60, 40), (60, 70, 60)  # a red cap, a grey belly
    frame[:, :10] += np.uint8(8)
    whole = (0.0, 0.0, 40.0, 40.0)
    mirrored, upside_down = np.ascontiguousarray(frame[:, ::-1]), np.ascontiguousarray(frame[::-1])
    assert look(frame, whole) @ look(mirrored, whole) > 0.95
    assert look(frame, whole) @ look(upside_down, whole) < 0.2


@pytest.mark.parametrize(
    "box", [(-5.0, -5.0, 3.0, 2.0), (158.5, 118.5, 170.0, 130.0), (3, 3, 3.2, 3.2)]
)
def test_boxes_at_the_edge_and_of_less_than_a_pixel_have_an_appearance(squares, box):
    (frame,) = squares([{}])
    appearance = look(frame, box)
    assert appearance.shape == (512,)
    assert np.linalg.norm(appearance) == pytest.approx(1, abs=1e-5)
