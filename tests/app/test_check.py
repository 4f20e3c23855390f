"""`fused-encoder check`: the first screen, and the exit code."""

import json
import re

import numpy as np
import pytest

from app.cli.main import main
from app.reports.survey_words import counted, in_bytes, in_time, listed, shown
from media import save_image, save_waveform

RNG = np.random.default_rng(0)


@pytest.fixture
def season(tmp_path):
    """Four nights of a recorder, of which one is missing, and a photo."""
    for night in (14, 15, 17, 18):
        for number in range(6):
            path = tmp_path / "pond" / f"202305{night}" / f"202305{night}_20{number}000.WAV"
            path.parent.mkdir(parents=True, exist_ok=True)
            save_waveform(path.with_suffix(".wav"), 0.1 * RNG.normal(size=1600), 16_000)
    save_image(tmp_path / "a.jpg", RNG.integers(0, 255, (60, 80, 3), dtype=np.uint8))
    return tmp_path


def test_missing_nights_are_told_but_are_no_bad_file(season, capsys):
    assert main(["check", str(season / "a.jpg")]) == 0
    assert capsys.readouterr().out.startswith("You can start: all 1 file in ")
    assert main(["check", str(season)]) == 0
    page = capsys.readouterr().out
    assert page.startswith("You can start with 25 of 25 files, but 1 stretch of recordings is")
    assert "pond: 24 files, 2023-05-14 20:00 to 2023-05-18 20:50, every 10 min" in page
    assert "missing: 6 files between 2023-05-15 20:50 and 2023-05-17 20:00" in page


def test_folders_that_their_sample_rate_gives_away_are_told_of(tmp_path, capsys):
    for name, rate in (("bowhead", 8000), ("dolphin", 16_000)):
        (tmp_path / name).mkdir()
        for number in range(10):
            path = tmp_path / name / f"{number}.wav"
            save_waveform(path, 0.1 * RNG.normal(size=rate // 5), rate)
    assert main(["check", str(tmp_path)]) == 0
    told = capsys.readouterr().err
    assert "names 1.00 of 20 recordings rightly (the most frequent class is 0.50)" in told
    assert "`--common-band` of `classify train` and `student train`" in told


def test_a_bad_file_is_listed_and_ends_with_1(season, capsys):
    (season / "torn.jpg").write_bytes((season / "a.jpg").read_bytes()[:-20])
    (season / "a\nb\udcff.jpg").write_bytes(b"")
    assert main(["check", str(season)]) == 1
    page = capsys.readouterr().out
    assert "but 2 files will be left out" in page
    assert "a\\nb\\udcff.jpg: 0 bytes" in page
    assert re.search(r"end is missing: 1 file\n +torn.jpg: the end of the JPEG is missing", page)


def test_where_nothing_can_be_read_one_cannot_start(tmp_path, capsys):
    (tmp_path / "a.jpg").write_bytes(b"")
    assert main(["check", str(tmp_path)]) == 1
    assert capsys.readouterr().out.startswith("You cannot start: nothing in ")


def test_no_such_folder_and_nothing_to_read_are_refused_with_2(tmp_path, capsys):
    assert main(["check", str(tmp_path / "gone")]) == 2
    assert main(["check", str(tmp_path)]) == 2
    errors = capsys.readouterr().err
    assert "fused-encoder check: Not there: " in errors
    assert "fused-encoder check: No photo, recording or video in " in errors


def test_only_the_first_faults_are_listed_unless_all_are_asked_for(season, capsys):
    for number in range(9):
        (season / f"{number}.jpg").write_bytes(b"")
    main(["check", str(season)])
    few = capsys.readouterr().out
    main(["check", str(season), "--all"])
    assert ("... 6 more" in few, few.count(".jpg: 0 bytes")) == (True, 3)
    assert capsys.readouterr().out.count(".jpg: 0 bytes") == 9


def test_programs_get_json_and_files(season, capsys):
    assert main(["check", str(season), "--json", "--out", str(season / "out")]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((season / "out" / "survey.json").read_text("utf-8"))
    assert printed["recordings"]["num_files"] == 24


def test_numbers_are_said_in_words():
    assert [in_bytes(n) for n in (0, 999, 61_234_567_890)] == ["0 bytes", "999 bytes", "61.2 GB"]
    assert [in_time(s) for s in (4, 600, 36_000)] == ["4 s", "10 min", "10.0 hours"]
    assert [counted(n, "file") for n in (1, 1200)] == ["1 file", "1,200 files"]
    assert listed({1: 9, 2: 3}, ["mono", "stereo"]) == "mono 9, stereo 3"
    assert shown("/a/b.jpg", None) == "/a/b.jpg"
