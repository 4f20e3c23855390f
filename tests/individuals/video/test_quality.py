import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from individuals.video.detection import Detection
from individuals.video.quality import assess_crops, sharpness


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


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), contrast=st.floats(1, 100), sigma=st.floats(0.5, 8))
def test_no_picture_gains_by_blurring(seed, contrast, sigma):
    rng = np.random.default_rng(seed)
    coarse = rng.normal(128, contrast, (rng.integers(4, 40), rng.integers(4, 40), 3))
    picture = cv2.resize(coarse.clip(0, 255).astype(np.float32), (120, 100)).astype(np.uint8)
    blurred = cv2.GaussianBlur(picture, (0, 0), sigma)
    box = (10, 10, 110, 90)
    # Grey levels are whole numbers: what is left of a nearly flat picture may round either way.
    assert quality(blurred, box).value <= quality(picture, box).value + 1e-3


def test_a_flat_picture_has_none():
    assert sharpness(np.full((40, 40, 3), 90, np.uint8)) == 0


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


def test_the_whole_frame_is_not_cut_off(squares):
    (frame,) = squares([{}])
    assert quality(frame, (0, 0, 160, 120)).wholeness == 1


def test_an_animal_behind_another_box_is_marked_down(squares):
    (frame,) = squares([{}])
    boxes = [(20.0, 20.0, 60.0, 60.0), (40.0, 20.0, 120.0, 100.0)]
    behind, before = assess_crops(frame, [Detection(0, 0.0, box) for box in boxes])
    assert behind.apartness == pytest.approx(0.5)
    assert "overlapped" in behind.reasons
    assert before.apartness == pytest.approx(1 - 800 / 6400)


def test_an_unsure_detector_marks_down(squares):
    (frame,) = squares([{}])
    assert quality(frame, (20, 20, 100, 100), 0.25).certainty == 0.5
    assert "unsure" in quality(frame, (20, 20, 100, 100), 0.25).reasons
    assert quality(frame, (20, 20, 100, 100), 0.9).certainty == 1
