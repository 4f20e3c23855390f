"""The pages without a browser: empty, very full, and asked for what is not there."""

import re
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from app.web.api.classify import HeardRecording, HeardSpecies
from app.web.house import Workspace
from app.web.jobs import Job
from app.web.pages import ask, listen
from app.web.progress import run_progress
from app.web.settings import ServeSettings
from archives.embed.rows import FileRow
from individuals import Catalogue, load_sightings
from individuals.review import read_review_answers, with_answers
from individuals.sighting import Sighting
from individuals.sighting_table import SightingTable
from inference.embeddings import Embeddings
from media import save_waveform
from soundscapes.events import Event
from tests.app.web.birds import write_count, write_prediction
from tests.inference.vectors import on_circle

PAGES = ("/", "/listen", "/decide", "/know", "/look-over")
HOSTILE = "<script>alert(1)</script>&\"'鳥"


def by_page(client, path, **form):
    """As a page asks for a change: with its token."""
    token = re.search(r'csrf-token" content="([^"]+)"', client.get("/know").text).group(1)
    return client.post(path, data=form, headers={"X-CSRF-Token": token})


@pytest.mark.parametrize("path", PAGES)
def test_with_nothing_to_show_each_page_says_how_to_begin(serve, path):
    page = serve().get(path)
    assert page.status_code == 200
    assert "fused-encoder " in page.text
    assert page.text.count("<h1>") == 1


@pytest.mark.parametrize("path", ["/listen/h0", "/know/ID-0001", "/decide/pairs", "/no/such/page"])
def test_what_is_not_there_is_told_on_a_page_to_people_and_as_json_to_programs(serve, path):
    client = serve()
    page = client.get(path, headers={"Accept": "text/html,*/*"})
    assert page.status_code in (404, 409)
    assert "<h1>" in page.text
    assert client.get(path).json()["detail"]


def test_a_folder_of_another_kind_is_told_at_the_start_and_on_a_page(serve, tmp_path):
    settings = ServeSettings(heard=tmp_path)
    with pytest.raises(FileNotFoundError, match="classify predict"):
        Workspace(settings).open_all()
    with pytest.raises(FileNotFoundError, match="fused-encoder count"):
        Workspace(ServeSettings(review=tmp_path)).open_all()
    page = serve(settings).get("/listen/h0", headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert "<h1>" in page.text
    assert "classify predict" in page.text


def test_pages_hold_neither_scripts_nor_styles_of_their_own(serve):
    client = serve()
    for path in PAGES:
        page = client.get(path).text
        assert not re.search(
            r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", page
        ), path
        assert "http" not in page.replace('xmlns="http', "")


@pytest.fixture
def full(tmp_path):
    """8,000 detections of species in any script, in a recording with a name that means harm."""
    file = tmp_path / "=cmd'鳥 dawn.wav"
    save_waveform(file, np.random.default_rng(0).normal(0, 0.1, 80_000), 8_000)
    names = ("wren", "シジュウカラ", HOSTILE)
    scores = np.linspace(0.5, 1, 8000)
    events = [
        Event(str(file), k / 1000, k / 1000 + 0.5, names[k % 3], float(score))
        for k, score in enumerate(scores)
    ]
    write_prediction(tmp_path / "heard", str(file), events, names, 10.0)
    return tmp_path / "heard"


def test_thousands_of_detections_are_filtered_and_counted_on_the_server(serve, full):
    client = serve(heard=full, num_decoders=1)
    page = client.get("/listen/h0").text
    assert "8,000 detections" in page
    assert "<script>alert" not in page
    told = client.get("/listen/h0/events", params={"least": 0.75}).json()
    assert (told["num_all"], told["num_kept"], len(told["events"])) == (8000, 4000, 4000)
    joined = client.get("/listen/h0/events", params={"species": "wren", "gap": 1}).json()
    assert len(joined["events"]) == 1
    assert client.get("/listen/h0/events", params={"species": ""}).json()["events"] == []
    export = client.get("/listen/h0/export/raven", params={"least": 0.75})
    assert len(export.text.splitlines()) == 4001
    assert "filename*=UTF-8''%3Dcmd%27" in export.headers["content-disposition"]
    listed = client.get("/listen").text
    assert "it is &lt;b&gt;no&lt;/b&gt; recording" in listed


def test_sound_and_spectrogram_of_a_recording_come_in_parts(serve, full):
    client = serve(heard=full, num_decoders=1)
    shape = client.get("/listen/h0/shape").json()
    assert (shape["sample_rate_hz"], shape["duration"]) == (8000, 10)
    tile = client.get("/listen/h0/tile/0/1")
    assert len(tile.content) == shape["rows"] * shape["columns"]
    part = client.get("/listen/h0/sound.wav", headers={"Range": "bytes=0-99"})
    assert (part.status_code, len(part.content)) == (206, 100)
    assert part.headers["content-range"] == "bytes 0-99/160044"
    assert client.get("/listen/h0/sound.wav", headers={"Range": "bytes=999999-"}).status_code == 416
    assert client.get("/listen/h0/tile/0/99").status_code == 422


def test_detections_are_judged_by_species_and_undone(serve, full):
    client = serve(heard=full)
    key = re.search(r'name="question" value="([^"]+)"', client.get("/decide/detections").text)
    question = key.group(1).replace("&amp;", "&").replace("&#39;", "'").replace("&#34;", '"')
    question = question.replace("&lt;", "<").replace("&gt;", ">")
    for told in ({"answer": "perhaps"}, {"answer": "another species"}):
        assert by_page(client, "/decide/detections", question=question, **told).status_code == 422
    by_page(client, "/decide/detections", question=question, answer="yes", who="Zoë 鳥")
    page = client.get("/decide/detections").text
    assert "1 of 8,000" in page
    assert "Zoë 鳥" in page
    table = client.get("/decide/detections/decisions.csv").text.splitlines()
    assert len(table) == 2
    assert table[1].count("yes,,Zoë 鳥") == 1
    assert "Taken back: yes" in by_page(client, "/decide/detections/undo").text


def test_answers_about_pairs_are_a_sheet_that_review_apply_reads(serve, photos, embedder, tmp_path):
    write_count(tmp_path / "count", photos[:8], embedder)
    client = serve(review=tmp_path / "count")
    page = client.get("/decide/pairs").text
    question = re.search(r'"question\\?": \\?"(s[0-9a-f]+-s[0-9a-f]+)', page.replace("&#34;", '"'))
    by_page(client, "/decide/pairs", question=question.group(1), answer="different")
    (tmp_path / "review.csv").write_bytes(client.get("/decide/pairs/review.csv").content)
    answers = read_review_answers(tmp_path / "review.csv")
    assert [given.answer for given in answers.given] == ["different"]
    assert len(with_answers(load_sightings(tmp_path / "count"), answers).cannot_link) == 1
    crop = client.get("/decide/pairs/crop/0")
    assert crop.headers["content-type"] == "image/jpeg"
    assert client.get("/decide/pairs/crop/99").status_code == 404


@pytest.fixture
def known(tmp_path):
    """Two individuals, with three sightings and one."""
    path = tmp_path / "birds.catalogue"
    sightings = [Sighting(media=f"cam/{k}.jpg", place="pond") for k in range(4)]
    vectors = Embeddings.of(on_circle(0, 5, 10, 90))
    with Catalogue.open(path) as catalogue:
        for rows in ([0, 1, 2], [3]):
            part = SightingTable(tuple(sightings[k] for k in rows), vectors[rows])
            catalogue.add(part)
    return path


def test_individuals_are_renamed_split_merged_and_all_of_it_undone(serve, known):
    client = serve(catalogue=known)
    assert by_page(client, "/know/ID-0001/rename", name=HOSTILE, who="Ana").status_code == 204
    page = client.get("/know/ID-0001").text
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "pond" in page
    split = by_page(client, "/know/ID-0001/split", sighting="cam/2.jpg", name="new one")
    assert split.headers["hx-redirect"] == "/know/ID-0003"
    assert by_page(client, "/know/ID-0002/merge", other="ID-0003").status_code == 204
    assert "merged into ID-0002" in client.get("/know/ID-0003").json()["detail"]
    assert by_page(client, "/know/ID-0001/split").status_code == 422
    for _ in range(3):
        by_page(client, "/know/undo", who="Ana")
    assert "3 sightings in 3 files" in client.get("/know/ID-0001").text
    assert "undo" in client.get("/know").text
    assert client.post("/know/undo").status_code == 403  # without the page's token


def test_the_capture_history_is_a_zip_and_a_camtrap_dp_says_what_it_needs(serve, known):
    client = serve(catalogue=known)
    content = client.get("/know/capture_history.zip").content
    with zipfile.ZipFile(BytesIO(content)) as archive:
        assert set(archive.namelist()) == {"capture_history.csv", "capture_history.inp"}
        assert "ID-0001,1110" in archive.read("capture_history.csv").decode().replace(
            ",1,1,1,0", ",1110"
        )
    assert "--deployments" in client.get("/know/camtrap_dp.zip").json()["detail"]


def test_who_sings_when_is_drawn_for_a_recording(serve, asking, recordings, monkeypatch):
    said = HeardRecording(
        name="dawn.wav",
        status="ok",
        reason=None,
        seconds=15,
        species=[
            HeardSpecies(species=HOSTILE, score=0.9, threshold=0.5, segments=[0.1, None, 0.9])
        ],
        events=[],
    )

    async def listen_to(*_):
        return said

    monkeypatch.setattr(ask, "listen_to", listen_to)
    settings = asking.app.state.workspace.settings
    client = serve(replace(settings, sound_classifier=Path("is not loaded")))
    token = re.search(r'csrf-token" content="([^"]+)"', client.get("/").text).group(1)
    files = {"recording": ("dawn.flac", recordings[0].read_bytes())}
    sent = client.post("/ask", files=files, headers={"X-CSRF-Token": token})
    page = client.get(sent.json()["address"]).text
    chart = page[page.index("Who sings when") : page.index("<h2>Neighbours")]
    assert HOSTILE not in page
    assert re.findall(r'fill-opacity="([\d.]+)"', chart) == ["0.10", "0.90"]
    assert "/listen/u" in page


def test_an_upload_is_seen_while_it_is_listened_to_and_then_with_what_was_heard(
    serve, recordings, monkeypatch, tmp_path
):
    job = Job("1", "classify", tmp_path)
    monkeypatch.setattr(listen, "submit_classify", lambda *_: job)
    client = serve(sound_classifier=Path("is not loaded"), num_decoders=1)
    token = re.search(r'csrf-token" content="([^"]+)"', client.get("/").text).group(1)
    proof = {"X-CSRF-Token": token}
    refused = client.post("/listen", files={"recording": ("a.wav", b"text")}, headers=proof)
    assert refused.status_code == 422
    files = {"recording": ("鳥.flac", recordings[0].read_bytes())}
    address = client.post("/listen", files=files, headers=proof).json()["address"]
    job.state, job.progress, job.note = "running", 0.5, "2 minutes"
    page = client.get(address).text
    assert "2 minutes" in page
    assert "鳥.flac" in page
    assert "2 minutes" in client.get(f"{address}/job").text
    event = Event("recording_001.wav", 0.5, 1.0, "wren", 0.9)
    write_prediction(tmp_path / "heard", event.file, [event], ("wren",), 2.0)
    job.state = "done"
    assert client.get(f"{address}/job").headers["hx-refresh"] == "true"
    assert "1 detection." in client.get(address).text
    export = client.get(f"{address}/export/csv").text
    assert "鳥.flac,0.500,1.000,wren,0.900000" in export


def test_progress_is_read_from_what_a_run_wrote():
    second = 10**9
    rows = [
        FileRow(f"{k}.wav", "recording", "ok", num_embeddings=3, finished_ns=(1000 + k) * second)
        for k in range(100)
    ]
    rows.append(FileRow("bad.wav", "recording", "crashed", "why", finished_ns=1099 * second))
    run = run_progress(rows, 201, 1110 * second)
    assert (run.num_done, run.num_embeddings, run.is_running) == (101, 300, True)
    assert run.files_per_second == pytest.approx(100 / 99)
    assert run.seconds_left == pytest.approx(99)
    assert [row.file for row in run.not_whole] == ["bad.wav"]
    assert not run_progress(rows, 201, 2000 * second).is_running
    assert run_progress(rows, None, 1110 * second).seconds_left is None
    assert run_progress([], None, 0).files_per_second is None
