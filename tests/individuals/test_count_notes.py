from pathlib import Path

import numpy as np
import pytest

from individuals.count_notes import count_notes
from individuals.footage import group_sightings
from individuals.sighting import Sighting
from individuals.sighting_table import SightingTable
from individuals.video.sightings import VideoSightings
from inference.calibrate import Calibration, CountTrial, GroupingRule, PairCalibration
from inference.embeddings import Embeddings

EVEN = PairCalibration(10.0, -5.0)
PAIRS = dict.fromkeys(("image-image", "image-fused", "fused-fused"), EVEN)
LEARNT = GroupingRule(0.5, 1.0, (CountTrial(2, 2, 2),) * 40, 2)


def notes_of(*modalities, threshold=None, calibration=None, num_skipped=0):
    """Of a video with one animal of each modality."""
    table = SightingTable(
        tuple(
            Sighting(media="a.mp4", frame_index=n, tracklet=n, time_seconds=n, modality=modality)
            for n, modality in enumerate(modalities)
        ),
        Embeddings.of(np.eye(len(modalities), 8), "f"),
    )
    count = group_sightings(table, ["a.mp4"], threshold=threshold, calibration=calibration)
    seen = [VideoSightings(Path("a.mp4"), table)]
    return count_notes(
        count, seen, detector="motion", num_skipped=num_skipped, calibration=calibration
    )


def test_videos_that_could_not_be_read_are_told_first():
    first = notes_of("image", threshold=0.5, num_skipped=2)[0]
    assert first.startswith("2 of 3 videos could not be read")


@pytest.mark.parametrize(
    ("modalities", "limits", "reason"),
    [
        (["image"], {"threshold": 0.5}, "a threshold says nothing of its errors"),
        (["image", "fused"], {"calibration": Calibration("f", PAIRS)}, "with and without sound"),
        (["image"], {"calibration": Calibration("f", PAIRS)}, "no counts of known individuals"),
    ],
)
def test_why_there_is_no_learnt_interval_is_told(modalities, limits, reason):
    (note,) = notes_of(*modalities, **limits)
    assert "only what is certain" in note
    assert reason in note


def test_intervals_learnt_on_what_was_trained_on_are_not_promises():
    promised = Calibration("f", PAIRS, True, {"image": LEARNT})
    assert notes_of("image", calibration=promised) == ()
    (note,) = notes_of("image", calibration=Calibration("f", PAIRS, False, {"image": LEARNT}))
    assert "for animals that it has never seen, counts are further off" in note
