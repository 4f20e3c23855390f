"""`fused-encoder count`: its folder, written, written again, and anew by a review; boxes of a file."""

import json
import shutil
from dataclasses import replace

import pytest

from individuals.outputs import read_capture_history, read_sightings
from individuals.sighting_file import load_sightings, save_sightings
from tests.app.conftest import rows_of, run, write_rows


@pytest.fixture(scope="module")
def counted(journey, aviary, tmp_path_factory):
    """A count of which nothing was joined, of videos whose days are known."""
    root = tmp_path_factory.mktemp("counted")
    videos = sorted(aviary.videos.glob("*.mp4"))
    lines = [f"{video},2026-05-0{day}T06:00:00+02:00" for day, video in enumerate(videos, 1)]
    details = root / "details.csv"
    details.write_text("\n".join(["media,captured_at", *lines]), encoding="utf-8")
    options = ["--encoder", journey.encoder, "--threshold", 0.9999, "--media", details]
    assert run("count", *videos, *options, "--out", root / "count") == 0
    return root / "count"


@pytest.fixture
def folder(counted, tmp_path):
    return shutil.copytree(counted, tmp_path / "count")


def answer(folder, word, question):
    """The answers of the first question of which `question` holds."""
    assert run("review", "make", folder) == 0
    rows = rows_of(folder / "review.csv")
    next(row for row in rows if question(row))["answer"] = word
    write_rows(folder / "review.csv", rows)


def test_a_review_writes_the_tables_anew(folder, capsys):
    before = load_sightings(folder)
    answer(folder, "same", lambda row: " and " in row["individuals_now"])
    package = folder / "camtrap_dp" / "observations.csv"
    package.parent.mkdir()
    package.write_text("of the count before")
    assert run("review", "apply", folder) == 0
    assert "camtrap_dp/ did not know these answers" in capsys.readouterr().out
    assert not package.parent.exists()
    after = load_sightings(folder)
    assert after.num_individuals == before.num_individuals - 1
    names = {str(label) for label in after.labels.tolist()}
    record = json.loads((folder / "count.json").read_text(encoding="utf-8"))
    sightings = read_sightings(folder / "sightings.csv")
    assert record["num_individuals"] == len(names)
    assert "a person's answers are in these numbers: 1 same, 0 different." in record["notes"]
    assert set(record["sightings"]) == {sighting.individual for sighting in sightings} == names
    assert set(read_capture_history(folder / "capture_history.csv").individuals) == names
    assert {sighting.captured_at.day for sighting in sightings} == {1, 2}
    number_in = {
        video: len({s.individual for s in sightings if s.media == video})
        for video in {s.media for s in sightings}
    }
    assert number_in == {video: num for video, num in record["per_video"].items() if num}


def test_without_an_answer_a_review_leaves_the_tables_as_they_are(folder):
    names = ("sightings.csv", "individuals.csv", "media.csv", "capture_history.csv")
    before = [(folder / name).read_bytes() for name in names]
    assert run("review", "make", folder) == 0
    assert run("review", "apply", folder) == 0
    assert [(folder / name).read_bytes() for name in names] == before


def test_a_new_count_takes_away_what_only_the_last_one_had(folder, journey, tmp_path, capsys):
    old = ("calls/a.labels.txt", "timeline.pdf", "camtrap_dp/media.csv", "crops/s0123456789ab.jpg")
    for name in old:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("of the count before")
    notes = folder / "my notes.txt"
    notes.write_text("mine")
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    options = ["--encoder", journey.encoder, "--threshold", 0.5, "--out", folder]
    assert run("count", broken, *options) == 1
    assert f"Skipped 1 input:\n  {broken}: " in capsys.readouterr().err
    left = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert left == {
        *("my notes.txt", "capture_history.csv", "count.json", "individuals.csv", "media.csv"),
        *("individuals.png", "timeline.png"),
        *("sightings.csv", "sightings.json", "sightings.npz"),
    }


def test_answers_are_not_lost_to_a_new_count(folder, journey, aviary, capsys):
    counted = load_sightings(folder)
    keys = counted.table.keys
    answered = replace(counted, cannot_link=((keys[0], keys[-1]),))
    save_sightings(folder, answered)
    video = aviary.videos / "video_01.mp4"
    assert run("count", video, "--encoder", journey.encoder, "--out", folder) == 2
    assert "holds a person's answers (1)" in capsys.readouterr().err
    assert load_sightings(folder).cannot_link == answered.cannot_link


def test_details_of_other_videos_are_refused_at_once(journey, aviary, tmp_path, capsys):
    details = tmp_path / "details.csv"
    details.write_text("media,place\nvideo_01.mp4,pond\n", encoding="utf-8")
    video = aviary.videos / "video_01.mp4"
    options = ["--encoder", journey.encoder, "--out", tmp_path / "out", "--media", details]
    assert run("count", video, *options) == 2
    assert "none of which is a video here" in capsys.readouterr().err


def test_count_takes_boxes_from_a_file(journey, aviary, tmp_path, capsys):
    video = aviary.videos / "video_01.mp4"
    boxes = [
        {"category": "1", "conf": 0.9, "bbox": [x, 0.3, 0.2, 0.4], "frame_number": frame}
        for frame in range(0, 20, 2)
        for x in (0.1, 0.6)
    ]
    boxes.append({"category": "2", "conf": 0.9, "bbox": [0, 0, 1, 1], "frame_number": 0})
    content = {
        "detection_categories": {"1": "animal", "2": "person"},
        "images": [{"file": "video_01.mp4", "detections": boxes}],
    }
    path = tmp_path / "found.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    options = ["--encoder", journey.encoder, "--threshold", 0.5, "--detections", path]
    out = tmp_path / "count.json"
    assert run("count", video, *options, "--out", out) == 0
    printed = capsys.readouterr().out
    assert "1 boxes of other categories (person) are left out." in printed
    seen = json.loads(out.read_text(encoding="utf-8"))["sightings"]
    assert len(seen) >= 2
    assert {row["box"][0] for rows in seen.values() for row in rows} == {32.0, 192.0}
    assert run("count", aviary.videos / "video_02.mp4", *options) == 2
    assert "is not in it; it has 'video_01.mp4'" in capsys.readouterr().err


def test_a_confidence_without_detections_is_refused(journey, aviary, capsys):
    video = aviary.videos / "video_01.mp4"
    assert run("count", video, "--encoder", journey.encoder, "--min-confidence", 0.5) == 2
    assert "--min-confidence is of --detections" in capsys.readouterr().err
