import numpy as np
import pytest

from individuals.video.detectors import detect_whole_frames, find_detector
from individuals.video.motion import detect_motion
from media import Moment


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


def test_an_unknown_detector_is_refused():
    with pytest.raises(
        ValueError, match=r"Unknown detector 'yolo'\. Expected one of motion, whole, a function"
    ):
        find_detector("yolo")
