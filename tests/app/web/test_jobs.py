"""Classifying while one waits, and jobs: submitted, watched, cancelled, and what they leave."""

import io
import time
import zipfile

import numpy as np
import pytest

from app.web.busy import BusyError
from app.web.jobs import Jobs
from app.web.settings import Limits
from media import save_waveform
from soundscapes import predict_recordings
from tests.soundscapes.conftest import CLASSES, RATE, tiny_classifier, tone

API = "/api/v1"


@pytest.fixture
def listening(serve, tmp_path):
    """A service with a sound classifier that is made here."""

    def start(**limits):
        client = serve(sound_classifier=tmp_path, limits=Limits(**limits), num_decoders=1)
        client.app.state.workspace._opened["sound_classifier"] = tiny_classifier()
        return client

    return start


@pytest.fixture
def call(tmp_path):
    path = tmp_path / "call.wav"
    save_waveform(path, np.concatenate([tone(4, 500), tone(4, 2500)]), RATE)
    return path


def ended(client, job, seconds=90):
    """The job when it has ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = client.get(f"{API}/jobs/{job['id']}").json()
        if found["state"] not in ("waiting", "running"):
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def test_what_is_heard_is_what_the_command_hears(listening, call, tmp_path):
    predict_recordings(tiny_classifier(), [call], tmp_path / "out")
    rows = (tmp_path / "out" / "events.csv").read_text().splitlines()[1:]
    expected = [row.split(",")[1:4] for row in rows]
    files = [
        ("recordings", ("dawn.wav", call.read_bytes())),
        ("recordings", ("none.wav", b"RIFF no sound at all")),
    ]
    answer = listening().post(f"{API}/classify", files=files).json()
    good, bad = answer["recordings"]
    found = [[e["start_seconds"], e["end_seconds"], e["species"]] for e in good["events"]]
    assert [[float(a), float(b), c] for a, b, c in expected] == [
        [pytest.approx(a), pytest.approx(b), c] for a, b, c in found
    ]
    assert (good["name"], good["status"]) == ("dawn.wav", "ok")
    assert {one["species"] for one in good["species"]} == {*CLASSES}
    assert (bad["status"], bad["events"]) == ("unreadable", [])
    assert "promises nothing" in answer["thresholds"]


def test_one_that_is_too_long_to_wait_for_is_sent_to_a_job_and_fails_no_other(listening, tmp_path):
    save_waveform(tmp_path / "long.wav", tone(70, 500), RATE)
    save_waveform(tmp_path / "short.wav", tone(5, 500), RATE)
    client = listening(seconds=6.0)
    files = {"recordings": (tmp_path / "long.wav").read_bytes()}
    answer = client.post(f"{API}/classify", files=files)
    assert answer.status_code == 422
    assert "/api/v1/jobs/classify" in answer.json()["detail"]
    files = {"recordings": (tmp_path / "short.wav").read_bytes()}
    assert client.post(f"{API}/classify", files=files).status_code == 200


def test_hours_are_listened_to_as_a_job(listening, call):
    client = listening()
    files = {"recordings": ("dawn.wav", call.read_bytes())}
    submitted = client.post(f"{API}/jobs/classify", files=files)
    assert submitted.status_code == 202
    job = ended(client, submitted.json())
    assert (job["state"], job["progress"], job["error"]) == ("done", 1.0, None)
    (recording,) = job["result"]["recordings"]
    assert (recording["name"], recording["status"]) == ("dawn.wav", "ok")
    packed = client.get(f"{submitted.headers['location']}/results.zip")
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert "heard/events.csv" in archive.namelist()
        assert not [name for name in archive.namelist() if name.endswith("001.wav")]
    assert [one["id"] for one in client.get(f"{API}/jobs").json()] == [job["id"]]


def test_videos_are_counted_in_a_process_of_its_own(serve, exported, aviary):
    client = serve(encoder=exported, num_decoders=1)
    embedder = client.app.state.workspace.embedder  # loaded already, as in a service that is in use
    video = sorted(aviary.videos.glob("*.mp4"))[0]
    files = [
        ("videos", ("monday.mp4", video.read_bytes())),
        ("videos", ("torn.mp4", b"\0\0\0\x18ftypmp42 torn")),
    ]
    submitted = client.post(f"{API}/jobs/count", files=files, data={"threshold": "0.9"})
    job = ended(client, submitted.json())
    assert job["state"] == "done", job
    (counted,) = job["result"]["videos"]
    assert counted["video"] == "monday.mp4"
    assert job["result"]["num_individuals"] == counted["num_individuals"] >= 1
    assert [one["video"] for one in job["result"]["skipped"]] == ["torn.mp4"]
    assert client.app.state.workspace.embedder is embedder
    packed = client.get(f"{submitted.headers['location']}/results.zip").content
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert "count/sightings.csv" in archive.namelist()
        assert str(client.app.state.uploads.folder) not in archive.read("count/count.json").decode()


def test_a_job_that_runs_is_cancelled_and_the_next_one_is_done(tmp_path):
    jobs = Jobs(tmp_path, most_waiting=3, lifetime_seconds=60)
    file = tmp_path / "video"
    file.write_bytes(b"frames")

    def endless(job):
        while True:
            job.tell(0.5, "on it")
            time.sleep(0.01)

    first = jobs.submit("count", endless, {"video_001": file})
    second = jobs.submit("count", endless)
    third = jobs.submit("count", lambda job: 7)
    with pytest.raises(BusyError):
        jobs.submit("count", endless)
    file.unlink()
    assert (first.folder / "video_001").read_bytes() == b"frames"
    jobs.cancel(second.id)
    jobs.cancel(first.id)
    until = time.monotonic() + 10
    while third.ended_at is None and time.monotonic() < until:
        time.sleep(0.01)
    assert [one.state for one in (first, second, third)] == ["cancelled", "cancelled", "done"]
    assert third.result == 7
    assert not (first.folder / "video_001").exists()
    jobs.close()


def test_a_job_that_fails_says_why_and_is_forgotten_after_its_time(tmp_path):
    jobs = Jobs(tmp_path, most_waiting=3, lifetime_seconds=0.05)

    def fail(job):
        raise ValueError("no threshold")

    job = jobs.submit("count", fail)
    while job.ended_at is None:
        time.sleep(0.01)
    assert (job.state, job.error) == ("failed", "no threshold")
    time.sleep(0.06)
    assert list(jobs.all()) == []
    assert not job.folder.exists()
    jobs.close()


def test_what_needs_something_that_is_not_served_is_refused_at_once(serve):
    client = serve(num_decoders=1)
    for kind, field in (("count", "videos"), ("classify", "recordings")):
        assert client.post(f"{API}/jobs/{kind}", files={field: b"x"}).status_code == 409
    assert client.get(f"{API}/jobs/none").status_code == 404
