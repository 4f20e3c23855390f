import numpy as np
import pytest

from individuals.video.detection import Detection
from media import Moment


@pytest.fixture(scope="module")
def tracking(benchmark_named):
    return benchmark_named("tracking")


def test_the_baseline_follows_the_greatest_overlap_through_short_gaps(tracking):
    lefts = {0: [0, 50], 2: [3], 4: [6, 53], 14: [9]}
    detections = [
        Detection(frame, frame / 10, (float(left), 0.0, left + 20.0, 20.0))
        for frame, places in lefts.items()
        for left in places
    ]
    assert tracking.follow_by_overlap(detections) == [0, 1, 0, 0, 1, 2]


def test_a_box_of_two_birds_is_of_none(tracking):
    birds = [
        {"individual": "wren", "box": [0, 0, 10, 10]},
        {"individual": "robin", "box": [12, 0, 22, 10]},
    ]
    assert tracking._bird(Detection(0, 0.0, (0.0, 0.0, 11.0, 10.0)), birds) == "wren"
    assert tracking._bird(Detection(0, 0.0, (0.0, 0.0, 22.0, 10.0)), birds) is None
    assert tracking._bird(Detection(0, 0.0, (40.0, 0.0, 50.0, 10.0)), birds) is None


def test_mixed_tracklets_are_counted(tracking):
    names = ["wren", "wren", "wren", "robin", None]
    moments = [Moment(n / 5, n, np.zeros((60, 160, 3), np.uint8), None) for n in range(5)]
    found = [
        (Detection(n, n / 5, (10.0 * n, 0.0, 10.0 * n + 40, 40.0)), name)
        for n, name in enumerate(names)
    ]
    followed = tracking.measure(moments, found, lambda detections, looks: [0] * len(detections))
    assert followed == {"sights": 4, "right": 3, "mixed": 1, "tracklets": 1, "birds": 2}


def test_figures_are_one_flat_object(tracking, figures_of, monkeypatch):
    monkeypatch.setattr(tracking, "_films", lambda kind, num_videos, seed: [_film()])
    figures = figures_of(tracking)
    assert figures["purity_apart_true_appearance"] == 1.0
    assert len(figures) == 3 + 3 * 2 * 2 * 2
    assert figures["true_boxes"] == 12 >= figures["found_boxes"]
    assert all(isinstance(value, float | int) for value in figures.values())


def _film():
    frames, moments = [], []
    for number in range(12):
        picture = np.full((120, 160, 3), 90, np.uint8)
        left = 8 * number
        picture[30:70, left : left + 40] = (200, 40, 30)
        frames.append([{"individual": "wren", "box": [left, 30, left + 40, 70]}])
        moments.append(Moment(number / 5, number, picture, None))
    return moments, {"frames": frames}
