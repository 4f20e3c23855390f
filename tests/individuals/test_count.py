import json
from collections import defaultdict
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from app.cli.count import count_table
from individuals import count_individuals
from individuals.video.detection import Detection
from inference import Embedder
from inference.calibrate import Calibration, PairCalibration
from media import write_video


@pytest.fixture(scope="module")
def videos(aviary):
    return sorted(str(path) for path in aviary.videos.glob("*.mp4"))


@pytest.fixture(scope="module")
def counted(videos, embedder):
    return count_individuals(videos, embedder, threshold=-1.0)


def two_squares(moments):
    """A detector that sees the same two animals in every frame."""
    return [
        Detection(m.frame_index, m.time_seconds, (left, 20.0, left + 60.0, 90.0))
        for m in moments
        for left in (10.0, 200.0)
    ]


def test_videos_are_named_as_given_and_something_is_seen(counted, videos):
    assert list(counted.per_video) == videos
    assert all(number >= 1 for number in counted.per_video.values())
    assert counted.num_individuals >= max(counted.per_video.values())
    assert [counted.individuals_in(video) for video in videos] != [[], []]


def test_two_animals_in_one_frame_are_never_one_individual(videos, embedder):
    counted = count_individuals(videos, embedder, threshold=-1.0, detector=two_squares)
    together = defaultdict(list)
    for sighting, individual in zip(counted.table.sightings, counted.count.labels, strict=True):
        together[sighting.media, sighting.frame_index].append(individual)
    assert any(len(individuals) == 2 for individuals in together.values())
    for individuals in together.values():
        assert all(one != other for one, other in combinations(individuals, 2))
    assert set(counted.per_video.values()) == {2}


def test_without_a_threshold_the_encoders_own_is_taken(videos, embedder):
    counted = count_individuals(videos[:1], embedder)
    assert counted.count.threshold == 0.25  # of "image" embeddings, from the export


def test_an_encoder_without_thresholds_asks_for_one(videos, embedder, exported):
    bare = Embedder(embedder._model, replace(embedder.settings, thresholds={}))
    with pytest.raises(ValueError, match=r"no similarity threshold for 'image' embeddings\."):
        count_individuals(videos, bare)


def test_two_animals_seen_together_are_two_though_no_embedded_frame_shows_both(videos, embedder):
    def one_early_one_late(moments):
        left, right = (0.0, 0.0, 60.0, 60.0), (90.0, 90.0, 150.0, 150.0)
        number = {moment.frame_index: n for n, moment in enumerate(moments)}
        return [
            Detection(m.frame_index, m.time_seconds, box)
            for m in moments
            for box in [left] * (number[m.frame_index] < 7) + [right] * (number[m.frame_index] > 2)
        ]

    counted = count_individuals(
        videos[:1], embedder, threshold=-1.0, detector=one_early_one_late, frames_per_second=10.0
    )
    assert {s.seen_with for s in counted.table.sightings} == {(0,), (1,)}
    assert counted.num_individuals == 2


def test_a_video_that_cannot_be_read_is_skipped_and_listed(videos, embedder, tmp_path):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video at all")
    counted = count_individuals([videos[0], broken], embedder, threshold=0.5)
    assert list(counted.per_video) == [videos[0]]
    assert [file.path for file in counted.skipped] == [broken]
    assert counted.skipped[0].reason


def test_a_video_in_which_nothing_moves_has_none_and_a_note(embedder, tmp_path):
    path = tmp_path / "still.mp4"
    write_video(path, [np.full((96, 128, 3), 90, np.uint8)] * 20, frames_per_second=10)
    counted = count_individuals([path], embedder, threshold=0.5)
    assert (counted.num_individuals, counted.per_video) == (0, {str(path): 0})
    assert "nothing was seen to move in" in counted.notes[0]
    assert json.loads(json.dumps(counted.to_dict()))["sightings"] == {}


def test_before_a_moving_camera_motion_gives_no_interval(videos, embedder, tmp_path):
    scene = np.random.default_rng(0).integers(0, 255, (30, 80, 3)).astype(np.uint8)
    scene = np.kron(scene, np.ones((8, 8, 1), np.uint8))
    shaken = [scene[3 * (n % 7) :][:200, 5 * (n % 5) :][:, :320] for n in range(30)]
    write_video(tmp_path / "shaken.mp4", shaken, frames_per_second=10)
    counted = count_individuals([videos[0], tmp_path / "shaken.mp4"], embedder)
    steady, moving = counted.count.intervals.values()
    assert steady is not None
    assert (moving, counted.count.interval) == (None, None)
    assert any("most of the frame moves" in note for note in counted.notes)
    assert counted.to_dict()["interval"] is None
    assert count_table(counted).splitlines()[-len(counted.notes) - 1].split()[-1] == "none"


@pytest.mark.parametrize(
    ("paths", "error", "message"),
    [
        ([], ValueError, "at least one video, received none"),
        (["gone.mp4", "lost.mp4"], FileNotFoundError, r"No such video: gone\.mp4, lost\.mp4\."),
        (["broken.mp4"] * 2, ValueError, "Videos are given more than once: .*broken"),
        (["broken.mp4"], ValueError, r"similarity in \[-1, 1\], received 2"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_video_is_read(
    embedder, paths, error, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.mp4").write_bytes(b"")
    with pytest.raises(error, match=message):
        count_individuals(paths, embedder, threshold=2.0 if len(paths) == 1 else None)


def test_sound_needs_its_calibration_before_any_video_is_read(embedder, tmp_path, monkeypatch):
    (tmp_path / "broken.mp4").write_bytes(b"no video at all")
    with pytest.raises(ValueError, match="One threshold cannot serve crops with and without sound"):
        count_individuals([tmp_path / "broken.mp4"], embedder, threshold=0.5, sound="alone")
    by_sight = Calibration(embedder.fingerprint, {"image-image": PairCalibration(10.0, -5.0)})
    monkeypatch.setattr(embedder, "calibration", by_sight)
    with pytest.raises(ValueError, match="with a calibration of image-fused and fused-fused"):
        count_individuals([tmp_path / "broken.mp4"], embedder, sound="alone")


def test_everything_can_be_written_as_json(counted, videos):
    record = json.loads(json.dumps(counted.to_dict()))
    assert record["per_video"] == counted.per_video
    assert record["num_individuals"] == len(record["sightings"])
    assert sum(len(rows) for rows in record["sightings"].values()) == len(counted.count.labels)
    assert {row["video"] for rows in record["sightings"].values() for row in rows} == set(videos)
