import csv
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from individuals import Sighting
from individuals.count import VideoCount
from individuals.footage import group_sightings
from individuals.outputs import (
    CamtrapProject,
    Deployment,
    MediaDetails,
    check_outputs,
    identified_sightings,
    read_capture_history,
    read_media_details,
    read_sightings,
    write_outputs,
)
from individuals.sighting_table import SightingTable, join_tables
from inference import Embeddings
from media import write_video

MORNING = datetime.fromisoformat("2026-05-01T06:30:00+02:00")
POND = Deployment(
    deployment_id="cam1", latitude=52, longitude=13, start=MORNING, end=MORNING + timedelta(days=1)
)
PROJECT = CamtrapProject(
    title="Wrens",
    sampling_design="opportunistic",
    capture_methods=("activityDetection",),
    contributors=({"title": "Ann"},),
)
EAST, NORTH = [1.0, 0.0], [0.0, 1.0]


def seen(video, rows, **known):
    """Sightings of a video from (vector, time, tracklet) of each."""
    sightings = []
    for _, seconds, tracklet in rows:
        place = {"frame_index": int(10 * seconds), "box": (5.0, 5.0, 40.0 + seconds, 30.0)}
        place |= {"time_seconds": seconds, "tracklet": tracklet, "score": 1.0}
        sightings.append(Sighting(media=video, **place, **known))
    vectors = np.array([vector for vector, _, _ in rows], np.float32).reshape(-1, 2)
    crops = tuple(np.full((224, 224, 3), 90, np.uint8) for _ in rows)
    return SightingTable(tuple(sightings), Embeddings.of(vectors, "f"), crops)


def count(*tables, videos=()):
    """A count of such sightings."""
    table = join_tables(tables)
    videos = videos or [part.sightings[0].media for part in tables]
    return VideoCount(group_sightings(table, videos, threshold=0.9), table, (), ())


@pytest.fixture
def monday(tmp_path):
    path = tmp_path / "pond" / "monday.mp4"
    path.parent.mkdir()
    write_video(path, [np.full((48, 64, 3), 90, np.uint8)] * 20, frames_per_second=10)
    return str(path)


@pytest.fixture
def counted(monday):
    """Individual 0 is in both videos, 1 in the second alone; nobody in the third."""
    return count(
        seen(monday, [(EAST, 0.5, 0), (EAST, 1.5, 0)]),
        seen("wood/monday.mp4", [(NORTH, 1.0, 4), (EAST, 2.0, 2), ([0.96, 0.28], 3.0, 2)]),
        videos=(monday, "wood/monday.mp4", "empty.mp4"),
    )


def test_a_tracklet_is_one_sighting_with_its_mean_similarity(counted, monday):
    first, alone, last = identified_sightings(counted)
    assert [s.individual for s in (first, alone, last)] == ["0", "1", "0"]
    assert [s.media for s in (first, alone)] == [monday, "wood/monday.mp4"]
    assert (first.start_seconds, first.end_seconds) == (0.5, 1.5)
    assert (last.tracklet, last.start_seconds, last.end_seconds) == (2, 2.0, 3.0)
    assert alone.similarity is None
    assert first.similarity == last.similarity == pytest.approx((1 + 0.96) / 2)


def test_a_tracklet_lasts_as_long_as_it_was_detected_not_as_it_was_embedded():
    rows = [(EAST, 0.5, 0), (EAST, 1.5, 0)]
    span = {"start_seconds": 0.2, "end_seconds": 1.9}
    (by_sight,) = identified_sightings(count(seen("a.mp4", rows, **span)))
    assert (by_sight.start_seconds, by_sight.end_seconds) == (0.2, 1.9)
    # its sound was listened to around two moments only
    (heard,) = identified_sightings(count(seen("a.mp4", rows, modality="fused", **span)))
    assert (heard.start_seconds, heard.end_seconds) == (0.5, 1.5)


def test_each_detection_is_one_sighting_where_wanted(counted):
    times = [s.start_seconds for s in identified_sightings(counted, each="detection")]
    assert times == [0.5, 1.5, 1.0, 2.0, 3.0]
    with pytest.raises(ValueError, match="'tracklet' or 'detection', received 'frame'"):
        identified_sightings(counted, each="frame")


def test_what_is_known_of_a_video_goes_to_its_sightings(counted, monday):
    details = {monday: MediaDetails(MORNING, "may", "cam1", "pond")}
    known = {"names": {"0": "Bruno"}, "frame_sizes": {monday: (64, 48)}}
    first, *_ = identified_sightings(counted, details=details, **known)
    assert (first.captured_at, first.occasion, first.deployment) == (MORNING, "may", "cam1")
    assert (first.place, first.name) == ("pond", "Bruno")
    assert (first.frame_width_px, first.frame_height_px) == (64, 48)


def test_a_tracklet_has_the_box_of_its_best_sighting_and_what_all_were_made_of(monday):
    good = seen(monday, [(EAST, 0.5, 0)], quality=0.9)
    poor = seen(monday, [(EAST, 1.5, 0)], quality=0.2)
    counted = count(good, poor, videos=[monday])
    first, second = counted.table.sightings
    both = (first, replace(second, modality="fused"))
    (made,) = identified_sightings(replace(counted, table=replace(counted.table, sightings=both)))
    assert (made.quality, made.modality, made.frame_index) == (0.9, "fused", 5)


def test_the_usual_files_are_written_and_say_the_same(counted, monday, tmp_path):
    written = write_outputs(tmp_path / "out", counted, names={"0": "Bruno 鳥"})
    assert [path.name for path in written] == [
        *("sightings.csv", "sightings.json", "individuals.csv", "media.csv"),
        *("capture_history.csv", "capture_history.inp", "individuals.png", "timeline.png"),
    ]
    assert read_sightings(written[0]) == read_sightings(written[1])
    assert read_capture_history(written[4]).histories == {"0": "110", "1": "010"}
    with written[2].open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    said = [(row["individual"], row["name"], row["num_media"]) for row in rows]
    assert said == [("0", "Bruno 鳥", "2"), ("1", "", "1")]
    assert list(read_media_details(written[3])) == [monday, "wood/monday.mp4", "empty.mp4"]
    assert all(path.stat().st_size > 5000 for path in written[6:])


def test_a_count_of_nobody_has_all_files_with_their_headers(tmp_path):
    written = write_outputs(tmp_path, count(seen("a.mp4", []), videos=["a.mp4", "b.mp4"]))
    assert read_sightings(tmp_path / "sightings.csv") == []
    assert (tmp_path / "capture_history.csv").read_text() == "individual,a.mp4,b.mp4\n"
    assert (tmp_path / "individuals.csv").read_text().startswith("individual,name,")
    assert len(written) == 8
    assert len(write_outputs(tmp_path / "none", count())) == 7  # without a readable video


def test_calls_get_a_table_and_labels_for_each_recording(counted, tmp_path):
    heard = [replace(s, modality="audio") for s in identified_sightings(counted)]
    written = write_outputs(tmp_path, counted, heard)
    assert sorted(path.name for path in written if path.parent.name == "calls") == [
        "pond_monday.Table.1.selections.txt",
        "pond_monday.labels.txt",
        "wood_monday.Table.1.selections.txt",
        "wood_monday.labels.txt",
    ]


def test_occasions_that_people_gave_are_those_of_the_history(counted, monday, tmp_path):
    details = dict.fromkeys(["wood/monday.mp4", "empty.mp4"], MediaDetails(occasion="june"))
    details = {monday: MediaDetails(occasion="may"), **details}
    write_outputs(tmp_path / "out", counted, details=details)
    history = read_capture_history(tmp_path / "out" / "capture_history.csv")
    assert history.histories == {"0": "11", "1": "01"}


def test_details_are_found_however_a_path_is_spelled(counted, monday, tmp_path):
    details = {"./wood//monday.mp4": MediaDetails(MORNING, place="wood")}
    write_outputs(tmp_path / "out", counted, details=details)
    places = {s.media: s.place for s in read_sightings(tmp_path / "out" / "sightings.csv")}
    assert places == {monday: None, "wood/monday.mp4": "wood"}
    assert check_outputs(["wood/monday.mp4"], details=details) == []


def test_what_cannot_be_written_is_refused_before_anything_is_counted():
    week = {"a.mp4": MediaDetails(MORNING, "week 1")}
    with pytest.raises(ValueError, match=r"of 'a\.mp4', none of which is a video here: 'x/a\.mp4'"):
        check_outputs(["x/a.mp4"], details=week)
    with pytest.raises(ValueError, match=r"Give an occasion for 'b\.mp4'"):
        check_outputs(["a.mp4", "b.mp4"], details=week)
    with pytest.raises(ValueError, match="no deployments were given"):
        check_outputs(["a.mp4"], details=week, project=PROJECT)
    with pytest.raises(ValueError, match="Deployments are for a Camtrap DP"):
        check_outputs(["a.mp4"], details=week, deployments=[POND])
    there = {"a.mp4": MediaDetails(MORNING, "week 1", "cam1")}
    assert check_outputs(["./a.mp4"], details=there, deployments=[POND], project=PROJECT) == []
    when = {"a.mp4": MediaDetails(MORNING)}
    notes = check_outputs(["a.mp4", "b.mp4"], details=when)
    assert notes == ["the details say nothing of 'b.mp4'."]


def test_a_data_package_is_written_where_the_project_is_told(monday, tmp_path, camtrap_faults):
    counted = count(seen(monday, [(EAST, 0.5, 0)]))
    details = {monday: MediaDetails(MORNING, deployment="cam1")}
    told = {"deployments": [POND], "project": PROJECT, "media_root": tmp_path}
    written = write_outputs(tmp_path / "out", counted, details=details, **told)
    assert tmp_path / "out" / "camtrap_dp" / "datapackage.json" in written
    assert camtrap_faults(tmp_path / "out" / "camtrap_dp") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video,place\n", "has no column media"),
        ("media,captured_at\na,noon\nb,\nb,\n,\n", r"row 2: .*'noon'.*; row 4: media 'b' is twice"),
    ],
)
def test_details_that_cannot_be_read_are_refused(tmp_path, text, message):
    (tmp_path / "media.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_media_details(tmp_path / "media.csv")
