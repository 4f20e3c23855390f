from dataclasses import replace

import cv2
import numpy as np
import pytest

from individuals.video.detection import Detection, box_iou
from individuals.video.detectors import detect_motion, detect_whole_frames, find_detector
from media import Moment

HEIGHT, WIDTH, SIDE = 120, 160, 24
RED = (200, 40, 30)


def background() -> np.ndarray:
    """A textured scene in soft greens and greys."""
    coarse = np.random.default_rng(0).uniform(70, 150, (15, 20, 3)).astype(np.float32)
    return cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


def moments_with_square(corners: list[tuple[int, int] | None]) -> list[Moment]:
    """A noisy frame for each corner (left, top) of a red square; None for a frame without."""
    scene, rng, moments = background(), np.random.default_rng(1), []
    for number, corner in enumerate(corners):
        frame = scene + rng.normal(0, 4, scene.shape)
        if corner is not None:
            left, top = corner
            frame[top : top + SIDE, left : left + SIDE] = RED
        uint8 = frame.clip(0, 255).round().astype(np.uint8)
        moments.append(Moment(number / 5, number, uint8, None))
    return moments


def overlap(detection: Detection, corner: tuple[int, int]) -> float:
    left, top = corner
    return float(box_iou(detection.box, (left, top, left + SIDE, top + SIDE))[0, 0])


def test_a_square_that_moves_is_found_in_every_frame():
    corners = [(8 + 6 * number, 30 + 2 * number) for number in range(20)]
    detections = detect_motion(moments_with_square(corners))
    assert [detection.frame_index for detection in detections] == list(range(20))
    for detection, corner in zip(detections, corners, strict=True):
        assert overlap(detection, corner) > 0.6
        assert 0 < detection.score <= 1


def test_a_square_that_sat_for_long_leaves_no_ghost():
    sits: list = [(60, 50)] * 14
    leaves: list = [None] * 6
    detections = detect_motion(moments_with_square(sits + leaves))
    assert [detection.frame_index for detection in detections] == list(range(14))
    assert all(overlap(detection, (60, 50)) > 0.6 for detection in detections)


def test_a_cloud_over_the_whole_frame_is_no_animal():
    moments = moments_with_square([None] * 12)
    darker = [replace(m, frame=m.frame - np.uint8(5 * m.frame_index)) for m in moments]
    assert detect_motion(darker) == []


@pytest.mark.parametrize("num_frames", [0, 1, 2])
def test_fewer_than_three_frames_show_no_motion(num_frames):
    assert detect_motion(moments_with_square([(10, 10), (90, 60)][:num_frames])) == []


def test_whole_frames_are_one_detection_each():
    frame = np.zeros((120, 160, 3), np.uint8)
    detections = detect_whole_frames([Moment(0.0, 0, frame, None), Moment(0.2, 1, frame, None)])
    assert [d.box for d in detections] == [(0.0, 0.0, 160.0, 120.0)] * 2
    assert [(d.frame_index, d.time_seconds) for d in detections] == [(0, 0.0), (1, 0.2)]


def test_a_detector_is_found_by_name_or_taken_as_it_is():
    def own(moments):
        return []

    assert find_detector("motion") is detect_motion
    assert find_detector("whole") is detect_whole_frames
    assert find_detector(own) is own
    with pytest.raises(ValueError, match=r"Unknown detector 'yolo'\. .*motion, whole, a function"):
        find_detector("yolo")
