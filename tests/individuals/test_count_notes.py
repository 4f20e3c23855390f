from pathlib import Path

import numpy as np
import pytest

from app.cli.count import count_table
from individuals.count import VideoCount
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


FEW = Calibration("f", PAIRS, True, {"image": GroupingRule(0.5, 1.0, (CountTrial(2, 2, 2),) * 5)})


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
    options = {"num_skipped": num_skipped, "calibration": calibration}
    notes = count_notes(count, seen, detector="motion", **options)
    unseen = "no interval knows of animals that no detector saw."
    assert notes.count(unseen) == 1
    return tuple(note for note in notes if note != unseen)


def test_videos_that_could_not_be_read_are_told_first():
    first = notes_of("image", threshold=0.5, num_skipped=2)[0]
    assert first.startswith("2 of 3 videos could not be read")


@pytest.mark.parametrize(
    ("modalities", "limits", "reason"),
    [
        (["image"], {"threshold": 0.5}, "a threshold says nothing of its errors"),
        (["image", "fused"], {"calibration": Calibration("f", PAIRS)}, "with and without sound"),
        (["image"], {"calibration": Calibration("f", PAIRS)}, "no counts of known individuals"),
        (["image"], {"calibration": FEW}, "has 5 trial counts, 39 are needed"),
    ],
)
def test_why_there_is_no_learnt_interval_is_told(modalities, limits, reason):
    (note,) = notes_of(*modalities, **limits)
    assert note.startswith("all numbers: bounds instead of a 95 % interval")
    assert reason in note


def test_a_total_beyond_all_trials_has_its_own_reason_beside_videos_with_intervals():
    # 14 animals in two videos; the calibration tried counts up to 2, and each video has few.
    table = SightingTable(
        tuple(
            Sighting(media=f"{n % 7}.mp4", frame_index=n, tracklet=n, time_seconds=n)
            for n in range(14)
        ),
        Embeddings.of(np.eye(14), "f"),
    )
    calibration = Calibration("f", PAIRS, True, {"image": LEARNT})
    count = group_sightings(table, calibration=calibration)
    assert {interval.kind for interval in count.intervals.values()} == {"95 %"}
    assert count.interval.kind == "bounds"
    (note,) = count_notes(count, [], detector="whole", num_skipped=0, calibration=calibration)[2:]
    assert note.startswith("'all videos together': bounds")
    assert "tried counts up to 2 only" in note
    shown = count_table(VideoCount(count, table, (), ()))
    assert shown.splitlines()[1].split()[:6] == ["0.mp4", "2", "2", "to", "2", "95"]
    assert "bounds" in shown.splitlines()[-1]
    assert "certain" not in shown


def test_intervals_learnt_on_what_was_trained_on_are_not_promises():
    promised = Calibration("f", PAIRS, True, {"image": LEARNT})
    assert notes_of("image", calibration=promised) == ()
    (note,) = notes_of("image", calibration=Calibration("f", PAIRS, False, {"image": LEARNT}))
    assert "for animals that it has never seen, counts are further off" in note
