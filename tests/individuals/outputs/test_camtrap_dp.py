import csv
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from individuals import Sighting
from individuals.outputs import (
    CamtrapProject,
    Deployment,
    MediaDetails,
    read_deployments,
    read_project,
    write_camtrap_dp,
)
from individuals.outputs.camtrap_rows import timestamp

MORNING = datetime.fromisoformat("2026-05-01T06:30:00+02:00")
PROJECT = CamtrapProject(
    title="Teich",
    sampling_design="opportunistic",
    capture_methods=("activityDetection",),
    contributors=({"title": "Ann", "role": "contact"},),
)


def deployment(name="cam1", **changes):
    known = {"latitude": 52.5, "longitude": 13.4, "start": MORNING - timedelta(days=1)}
    known |= {"end": MORNING + timedelta(days=9, microseconds=7)}
    return Deployment(deployment_id=name, **known | changes)


def sighting(individual="1", media="pond/monday.mp4", **changes):
    known = {"captured_at": MORNING, "deployment": "cam1"}
    known |= {"start_seconds": 1.25, "end_seconds": 3.5}
    return Sighting(individual=individual, media=media, **known | changes)


def rows(folder, name):
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_full_package_follows_the_standard(tmp_path, camtrap_faults):
    seen = {"box": (-3, 10, 200, 400), "frame_width_px": 480, "frame_height_px": 360}
    seen |= {"probability": 0.9, "quality": 0.5, "frame_index": 12, "tracklet": 0}
    sightings = [
        sighting("1", name='Zaunkönig, "alt"', species="Troglodytes troglodytes", **seen),
        sighting("2", name="鳥\nx", modality="audio", decided_by="Ann"),
        sighting("1", "wood/monday.mp4", modality="fused", similarity=0.7),
    ]
    written = write_camtrap_dp(
        tmp_path,
        sightings,
        deployments=[
            deployment(more={"coordinateUncertainty": 100, "habitat": "reed"}),
            deployment("cam2", latitude=52, more={"deploymentComments": "recorded nothing"}),
        ],
        project=replace(PROJECT, data_license="CC0-1.0", media_license="CC-BY-4.0"),
        details={"pond/empty.mp4": MediaDetails(MORNING, deployment="cam1")},
    )
    assert [path.name for path in written][-1] == "datapackage.json"
    assert camtrap_faults(tmp_path) == []
    assert [row["filePath"] for row in rows(tmp_path, "media")] == [
        *("pond/empty.mp4", "pond/monday.mp4", "wood/monday.mp4")  # two of one name
    ]
    blank, event, first, *_ = rows(tmp_path, "observations")
    assert blank["observationType"] == event["observationType"] == "blank"
    assert (blank["observationLevel"], event["observationLevel"]) == ("media", "event")
    assert first["eventStart"] == "2026-05-01T06:30:01+02:00"  # whole seconds around it
    assert first["eventEnd"] == "2026-05-01T06:30:04+02:00"
    assert "start_seconds:1.25 | end_seconds:3.5" in first["observationTags"]
    who = {row["individualID"]: row for row in rows(tmp_path, "observations")}
    assert (who["2"]["classificationMethod"], who["2"]["classifiedBy"]) == ("human", "Ann")
    assert who["1"]["classifiedBy"].startswith("fused-encoder ")
    write_camtrap_dp(tmp_path, [], deployments=[deployment()], project=PROJECT)
    assert camtrap_faults(tmp_path) == []


def test_sightings_are_media_based_and_individuals_event_based(
    tmp_path,
):
    sightings = [sighting("1"), sighting("1", start_seconds=3.0), sighting("2")]
    write_camtrap_dp(tmp_path, sightings, deployments=[deployment()], project=PROJECT)
    observations = rows(tmp_path, "observations")
    levels = [(row["observationLevel"], row["individualID"]) for row in observations]
    assert levels == [*[("media", i) for i in ("1", "2", "1")], ("event", "1"), ("event", "2")]
    assert sum(int(row["count"]) for row in observations if row["observationLevel"] == "event") == 2


def test_boxes_are_shares_of_the_frame_and_cut_off_at_its_edge(tmp_path):
    boxed = sighting(box=(-10, 50, 100, 250), frame_width_px=400, frame_height_px=200)
    write_camtrap_dp(tmp_path, [boxed], deployments=[deployment()], project=PROJECT)
    row = rows(tmp_path, "observations")[0]
    sides = [float(row[name]) for name in ("bboxX", "bboxY", "bboxWidth", "bboxHeight")]
    assert sides == [0, 0.25, 0.25, 0.75]


def test_what_is_not_known_is_asked_for_all_at_once_and_nothing_is_written(tmp_path):
    sightings = [
        sighting(media="/data/a.xyz", captured_at=None, box=(0, 0, 1, 1)),
        sighting("NaN", media="b.mp4", captured_at=MORNING.replace(tzinfo=None)),
        sighting(media="c.mp4", deployment="cam9"),
        sighting(media="d.mp4", deployment=None),
        sighting(media="e.mp4", captured_at=MORNING - timedelta(days=2)),
        sighting(media="../f.mp4"),
    ]
    with pytest.raises(ValueError, match="A Camtrap DP cannot be written") as error:
        write_camtrap_dp(tmp_path / "dp", sightings, deployments=[deployment()], project=PROJECT)
    for given, message in (([], "where and when did"), ([deployment()] * 2, "twice: cam1")):
        with pytest.raises(ValueError, match=message):
            write_camtrap_dp(tmp_path / "dp", [], deployments=given, project=PROJECT)
    for part in (
        r"without a start time with time zone \(captured_at\): /data/a\.xyz, b\.mp4\n",
        r"without a deployment that was given: c\.mp4 \(cam9\), d\.mp4\n",
        r"outside their deployment's time: e\.mp4 \(2026-04-29",
        r"not relative to the package .*: /data/a\.xyz, \.\./f\.mp4\n",
        r"of unknown type: /data/a\.xyz\n",
        r"boxes without the size of their frame, of: /data/a\.xyz\n",
        r"reads as missing: NaN",
    ):
        assert error.match(part)
    assert not (tmp_path / "dp").exists()


def test_a_sighting_beyond_the_calendar_is_refused(tmp_path):
    late = [sighting(end_seconds=1e15)]
    with pytest.raises(ValueError, match=r"s after the start of 'pond/monday\.mp4' is no date"):
        write_camtrap_dp(tmp_path, late, deployments=[deployment()], project=PROJECT)


def test_a_deployment_that_cannot_be_is_refused_with_all_that_is_wrong():
    message = (
        r"Deployment 'cam1': latitude must be in \[-90, 90\], received 91.*longitude must be in.*"
        "start must have a time zone; more has no place for 'colour', 'latitude'"
    )
    wrong = {"latitude": 91.0, "longitude": float("nan"), "start": datetime(2026, 5, 1)}
    with pytest.raises(ValueError, match=message):
        deployment(**wrong, more={"colour": 1, "latitude": 2})
    with pytest.raises(ValueError, match=r"it ends .* before it starts"):
        deployment(end=MORNING - timedelta(days=3))


def test_a_project_that_cannot_be_is_refused_with_all_that_is_wrong():
    with pytest.raises(
        ValueError,
        match=r"title is empty; sampling_design must be one of simpleRandom.*; capture_methods must be some "
        r"of activityDetection.*at least one person.*role must be one of .* received boss; .* together",
    ):
        CamtrapProject(
            title="",
            sampling_design="random",
            capture_methods=("motion",),
            contributors=({"role": "boss"},),
            data_license="CC0-1.0",
        )


def test_a_project_is_read_from_json_and_anything_else_is_refused(tmp_path):
    path = tmp_path / "project.json"
    path.write_text(json.dumps(vars(PROJECT)), encoding="utf-8")
    assert read_project(path) == PROJECT
    for text, message in (
        ("{", "is no JSON"),
        ("[]", "must hold an object with title"),
        ('{"title": "Teich"}', "'capture_methods'"),
        (json.dumps({**vars(PROJECT), "colour": 1}), "unexpected keyword argument 'colour'"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_project(path)


def test_deployments_are_read_from_the_standards_own_file(tmp_path):
    given = [
        deployment(more={"locationName": "Białowieża", "habitat": "a, b"}),
        deployment("cam2", more={"cameraHeight": "1.5"}),
    ]
    given = [replace(d, end=d.end.replace(microsecond=0)) for d in given]
    write_camtrap_dp(tmp_path, [], deployments=given, project=PROJECT)
    assert read_deployments(tmp_path / "deployments.csv") == given


def test_deployments_that_cannot_be_read_are_all_listed(tmp_path):
    path = tmp_path / "d.csv"
    header = "deploymentID,latitude,longitude,deploymentStart,deploymentEnd\n"
    good = "cam1,1,2,2026-05-01T00:00:00Z,2026-05-02T00:00:00Z\n"
    path.write_text(header + good + good + "cam2,x,2,,\ncam3,1,2,2026-05-01,2026-05-02\n")
    with pytest.raises(ValueError, match=r"row 4: .*'x'.*; row 5: .*time zone"):
        read_deployments(path)
    path.write_text("deploymentID,latitude\n")
    with pytest.raises(ValueError, match="has no column longitude, deploymentStart, deploymentEnd"):
        read_deployments(path)


def test_a_clock_from_before_time_zones_is_written_in_utc():
    amsterdam = datetime.fromisoformat("1930-01-01T12:00:00+00:19:32")
    assert timestamp(amsterdam) == "1930-01-01T11:40:28Z"
    assert timestamp(datetime(2026, 5, 1, 0, 0, 0, 1, tzinfo=UTC)) == "2026-05-01T00:00:00Z"
    assert timestamp(datetime(2026, 5, 1, 0, 0, 0, 1, tzinfo=UTC), rounds_up=True).endswith("01Z")


def test_the_package_says_which_species_and_which_area(tmp_path):
    here, east = deployment(), deployment("cam2", longitude=13.5)
    for deployments, kind in (([here], "Point"), ([here, east], "LineString")):
        seen = [sighting(species="Rallus")]
        write_camtrap_dp(tmp_path, seen, deployments=deployments, project=PROJECT)
        package = json.loads((tmp_path / "datapackage.json").read_text(encoding="utf-8"))
        assert package["spatial"]["type"] == kind
        assert package["taxonomic"] == [{"scientificName": "Rallus"}]
        assert package["temporal"] == {"start": "2026-04-30", "end": "2026-05-10"}
