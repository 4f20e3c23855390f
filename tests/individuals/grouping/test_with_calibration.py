"""From a calibration to individuals and counts with intervals: all of grouping together."""

import numpy as np
import pytest

from individuals.footage import group_videos
from individuals.group import group_individuals
from inference.calibrate import load_calibration, save_calibration
from inference.embeddings import Embeddings
from inference.metrics import bcubed

Known = tuple[np.ndarray, np.ndarray]


def test_a_stored_calibration_groups_by_its_threshold(calibration, unseen, tmp_path):
    save_calibration(tmp_path / "calibration.json", calibration)
    again = load_calibration(tmp_path / "calibration.json")
    grouping = group_individuals(unseen[0], calibration=again)
    assert grouping.threshold == calibration.groupings["image"].threshold
    by_threshold = group_individuals(unseen[0], threshold=grouping.threshold)
    assert np.array_equal(grouping.labels, by_threshold.labels)


def test_embeddings_of_another_encoder_are_refused(calibration, unseen):
    other = Embeddings.of(unseen[0], "robin-2")
    with pytest.raises(ValueError, match="of the encoder wren-1, received embeddings of robin-2"):
        group_individuals(other, calibration=calibration)
    with pytest.raises(ValueError, match="of the encoder wren-1, received embeddings of robin-2"):
        group_videos(other, ["a"] * len(other), calibration=calibration)


Footage = tuple[np.ndarray, list[str], list[int], np.ndarray]


@pytest.fixture(scope="module")
def footage(unseen: Known) -> Footage:
    """Six videos; in each frame up to three animals, no individual twice."""
    embeddings, labels = unseen
    rng = np.random.default_rng(3)
    videos = [f"{number}.mp4" for number in rng.integers(0, 6, len(labels))]
    frames = rng.integers(0, 60, len(labels)).tolist()
    seen: set[tuple[str, int, int]] = set()
    for row, (video, label) in enumerate(zip(videos, labels.tolist(), strict=True)):
        while (video, frames[row], label) in seen:
            frames[row] += 100
        seen.add((video, frames[row], label))
    return embeddings, videos, frames, labels


def test_counts_of_videos_have_intervals_that_hold_the_truth(calibration, footage):
    embeddings, videos, frames, labels = footage
    count = group_videos(embeddings, videos, calibration=calibration, frames=frames)
    assert bcubed(labels, count.labels).f1 > 0.9
    interval = count.interval
    assert interval.low <= 25 <= interval.high
    assert (interval.confidence, interval.num_trials) == (0.95, 120)
    assert interval.maximum == len(embeddings)
    is_held = []
    for video, within in count.intervals.items():
        truth = len(np.unique(labels[[other == video for other in videos]]))
        assert within.minimum <= within.low <= count.per_video[video] <= within.high
        assert within.minimum <= truth <= within.maximum
        is_held.append(within.low <= truth <= within.high)
    assert len(is_held) == 6
    assert np.mean(is_held) >= 0.8
