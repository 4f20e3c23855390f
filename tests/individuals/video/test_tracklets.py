import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from individuals.video.detection import Detection, box_iou
from individuals.video.tracklets import link_tracklets


def at(frame: int, left: float, top: float = 0.0, side: float = 10.0) -> Detection:
    return Detection(frame, frame / 25, (left, top, left + side, top + side))


def test_iou_of_boxes_placed_by_hand():
    boxes = [[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]]
    assert box_iou(boxes[:1], boxes)[0] == pytest.approx([1, 50 / 150, 0])


def test_two_animals_that_pass_side_by_side_keep_their_tracklets():
    one, other = [at(f, f) for f in range(10)], [at(f, 9 - f, top=20) for f in range(10)]
    assert link_tracklets(one + other) == [0] * 10 + [1] * 10


def test_the_assignment_is_best_for_all_together_not_for_the_first():
    # The first box overlaps both old ones; giving it the nearer one would leave the other box alone.
    detections = [at(0, 0), at(0, 6), at(1, 4), at(1, 11)]
    assert link_tracklets(detections) == [0, 1, 0, 1]


def test_a_short_gap_is_bridged_and_a_long_one_is_not():
    frames = [0, 1, 4, 20]
    assert link_tracklets([at(f, 0) for f in frames]) == [0, 0, 0, 1]
    thinned = (0, 12, 24, 60, 120)  # of a video of which every 12th frame was looked at
    assert link_tracklets([at(f, 0) for f in thinned]) == [0, 0, 0, 0, 1]


detections = st.lists(
    st.builds(at, st.integers(0, 6), st.integers(0, 20), st.integers(0, 5)),
    max_size=25,
    unique=True,
)


@pytest.mark.parametrize("box", [(10, 0, 5, 10), (0, 0, 10, np.nan), (0, 5, 10, 5)])
def test_a_box_the_wrong_way_round_is_refused(box):
    with pytest.raises(ValueError, match=r"box in frame 3 must be .*left, top, width, height"):
        Detection(3, 0.1, box)


RED, BLUE, MIXED = [1.0, 0.1, 0.0], [0.0, 0.1, 1.0], [0.7, 0.2, 0.7]


def test_two_animals_that_cross_are_told_apart_by_their_looks():
    # They meet on one spot in frame 5, where the boxes are nearly the same.
    one, other = [at(f, 2 * f) for f in range(11)], [at(f, 19 - 2 * f) for f in range(11)]
    tracklets = link_tracklets(one + other, appearances=[RED] * 11 + [BLUE] * 11)
    assert tracklets == [0] * 11 + [1] * 11


def test_the_looks_before_an_encounter_count_more_than_one_odd_sight():
    detections = [at(f, 0) for f in range(8)]
    looks = [RED] * 4 + [MIXED] + [RED] * 3
    assert link_tracklets(detections, appearances=looks) == [0] * 8


def test_a_fast_animal_goes_on_where_it_is_near_and_looks_the_same():
    detections = [at(0, 0), at(1, 13), at(2, 26)]
    assert link_tracklets(detections) == [0, 1, 2]
    assert link_tracklets(detections, appearances=[RED] * 3) == [0] * 3
    assert link_tracklets(detections, appearances=[RED, BLUE, RED]) == [0, 1, 2]


def test_a_fast_animal_that_might_be_either_of_two_ends():
    detections = [at(0, 0), at(1, -12), at(1, 12)]
    assert link_tracklets(detections, appearances=[RED] * 3) == [0, 1, 2]


def test_what_grows_to_a_multiple_without_overlap_is_another_animal():
    detections = [at(0, 0), at(1, 12, side=25)]
    assert link_tracklets(detections, appearances=[RED] * 2) == [0, 1]


def test_where_two_become_one_box_it_is_not_clear_which_goes_on():
    detections = [at(0, 0), at(0, 7), at(1, 0), at(1, 7), at(2, 3)]
    assert link_tracklets(detections) == [0, 1, 0, 1, 2]
    assert link_tracklets(detections, appearances=[RED] * 5) == [0, 1, 0, 1, 2]


def test_alike_animals_that_could_as_well_have_swapped_start_anew():
    detections = [at(0, 0), at(0, 4), at(1, 2, top=0), at(1, 2, top=1)]
    assert link_tracklets(detections, appearances=[RED] * 4) == [0, 1, 2, 3]


@given(detections, st.integers(0, 99))
def test_no_tracklet_is_twice_in_one_frame_with_looks(detections, seed):
    looks = np.random.default_rng(seed).uniform(0.1, 1, (len(detections), 3))
    linked = link_tracklets(detections, appearances=looks)
    seen = list(zip(linked, (d.frame_index for d in detections), strict=True))
    assert len(seen) == len(set(seen))


@given(detections, st.randoms(use_true_random=False))
def test_the_order_of_the_list_does_not_matter_with_looks(detections, random):
    order = random.sample(range(len(detections)), len(detections))
    looks = np.random.default_rng(0).uniform(0, 1, (len(detections), 3)) + 0.1
    mixed = link_tracklets([detections[i] for i in order], appearances=looks[order])
    linked = link_tracklets(detections, appearances=looks)
    assert [linked[i] for i in order] == mixed
