import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from individuals.video.crops import assess_crops, colour_appearance, crop_detection, sharpness
from individuals.video.detection import Detection


def quality(frame, box, score=1.0):
    return assess_crops(frame, [Detection(0, 0.0, tuple(map(float, box)), score)])[0]


@pytest.fixture
def bird(aviary):
    """A frame of a generated photo, and a box well inside it."""
    photo = cv2.imread(str(sorted(aviary.images.rglob("*.jpg"))[0]))[..., ::-1].copy()
    height, width = photo.shape[:2]
    return photo, (width // 4, height // 4, 3 * width // 4, 3 * height // 4)


def test_a_good_crop_has_full_quality_and_no_reasons(bird):
    frame, box = bird
    assert quality(frame, box).value > 0.8
    assert quality(frame, box).reasons == ()


@pytest.mark.parametrize("blur", ["gaussian", "motion"])
def test_the_blurrier_the_lower(bird, blur):
    frame, box = bird
    values = []
    for size in (0, 3, 7, 13, 25, 49):
        blurred = frame
        if size and blur == "gaussian":
            blurred = cv2.GaussianBlur(frame, (0, 0), size / 4)
        elif size:
            blurred = cv2.filter2D(frame, -1, np.full((1, size), 1 / size))
        values.append(sharpness(blurred[box[1] : box[3], box[0] : box[2]]))
    assert values == sorted(values, reverse=True)
    assert quality(blurred, box).reasons == ("blurred",)


@settings(max_examples=40)
@given(seed=st.integers(0, 999), contrast=st.floats(1, 100), sigma=st.floats(0.5, 8))
def test_no_picture_gains_by_blurring(seed, contrast, sigma):
    rng = np.random.default_rng(seed)
    coarse = rng.normal(128, contrast, (rng.integers(4, 40), rng.integers(4, 40), 3))
    picture = cv2.resize(coarse.clip(0, 255).astype(np.float32), (120, 100)).astype(np.uint8)
    blurred = cv2.GaussianBlur(picture, (0, 0), sigma)
    box = (10, 10, 110, 90)
    # Grey levels are whole numbers: what is left of a nearly flat picture may round either way.
    assert quality(blurred, box).value <= quality(picture, box).value + 1e-3


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_a_smaller_picture_of_the_same_scores_lower(bird, factor):
    frame, box = bird
    small = cv2.resize(frame, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    smaller = quality(small, [side / factor for side in box])
    assert smaller.size <= quality(frame, box).size
    if factor == 8:
        assert "tiny" in smaller.reasons


@pytest.mark.parametrize(
    ("box", "num_edges"),
    [((20, 20, 100, 80), 0), ((0, 20, 100, 80), 1), ((0, 0, 100, 80), 2), ((0, 0, 160, 80), 3)],
)
def test_every_edge_that_cuts_the_animal_off_costs(squares, box, num_edges):
    (frame,) = squares([{}])
    assert quality(frame, box).wholeness == pytest.approx(0.6**num_edges)
    assert ("cut off" in quality(frame, box).reasons) == (num_edges > 0)


def test_an_animal_behind_another_box_is_marked_down(squares):
    (frame,) = squares([{}])
    boxes = [(20.0, 20.0, 60.0, 60.0), (40.0, 20.0, 120.0, 100.0)]
    behind, before = assess_crops(frame, [Detection(0, 0.0, box) for box in boxes])
    assert behind.apartness == pytest.approx(0.5)
    assert "overlapped" in behind.reasons
    assert before.apartness == pytest.approx(1 - 800 / 6400)


def look(frame, box):
    return colour_appearance(frame, Detection(0, 0.0, box))


def box_of(left, top, side=40):
    return (float(left), float(top), float(left + side), float(top + side))


def test_an_animal_looks_like_itself_elsewhere_and_unlike_another(squares):
    here, there = squares([{"red": (10, 20)}, {"red": (70, 60), "blue": (10, 20)}])
    red, red_again = look(here, box_of(10, 20)), look(there, box_of(70, 60))
    blue = look(there, box_of(10, 20))
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


def test_a_crop_is_square_and_keeps_the_animals_proportions():
    frame = np.zeros((100, 200, 3), np.uint8)
    frame[40:60, 80:120] = 255  # twice as wide as high
    crop = crop_detection(frame, Detection(0, 0.0, (80.0, 40.0, 120.0, 60.0)))
    rows, columns = np.nonzero(crop[..., 0] > 127)
    assert crop.shape == (224, 224, 3)
    assert np.ptp(columns) == pytest.approx(2 * np.ptp(rows), abs=6)
    assert np.ptp(columns) == pytest.approx(224 / 1.3, abs=6)


@pytest.mark.parametrize("box", [(0.0, 0.0, 30.0, 20.0), (185.0, 88.0, 200.0, 100.0)])
def test_a_crop_at_the_frames_edge_repeats_the_edge(box):
    frame = np.full((100, 200, 3), 77, np.uint8)
    assert (crop_detection(frame, Detection(0, 0.0, box)) == 77).all()
