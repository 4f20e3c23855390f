"""`classify train` and `classify evaluate`: from folders to a report, and what is said on the way."""

import json

import numpy as np
import pytest

from app.cli.main import main
from media import save_waveform

RATE = 16_000


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds") / "songs"
    rng = np.random.default_rng(0)
    for species, pitch in (("robin", 900), ("wren", 2500)):
        (folder / species).mkdir(parents=True)
        for number in range(8):
            tone = 0.2 * np.sin(2 * np.pi * pitch * np.arange(2 * RATE) / RATE)
            noisy = tone + rng.normal(0, 0.02, 2 * RATE)
            save_waveform(folder / species / f"{number}.wav", noisy.astype(np.float32), RATE)
    (folder / "wren" / "torn.wav").write_bytes(b"RIFF1234WAVE")
    return folder


def test_folders_become_a_run_a_report_and_thresholds_that_say_what_they_cannot_promise(
    songs, tmp_path, capsys
):
    run = tmp_path / "run"
    fast = ("--epochs", "2", "--front-end", "log_mel", "--store", str(tmp_path / "store"))
    code = main(["classify", "train", str(songs), "--out", str(run), *fast])
    told = capsys.readouterr()
    assert "17 recordings of 2 species:" in told.out
    assert "wren  ████████████████████████████████████████ 9" in told.out
    assert (code, "torn.wav" in told.err) in ((1, True), (0, False))  # or it is held out
    again = main(["classify", "evaluate", str(run)])
    told = capsys.readouterr()
    assert again == 1  # the torn file is listed, on whichever side it is
    assert "floor: logistic regression on the mean frame" in told.out
    assert "cannot certify: needs 2995" in told.out
    metrics = json.loads((run / "evaluation" / "metrics.json").read_text())
    assert set(metrics) == {"measures", "floor", "top1_gain", "top1_gain_interval", "confounds"}
    page = (run / "evaluation" / "report.html").read_text("utf-8")
    assert "A sound classifier on held-out recordings" in page


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ([], "Expected a folder of recordings or --table FILE, received neither"),
        (["nowhere"], "No folder of recordings at 'nowhere'"),
        (["SONGS", "--fold", "6"], "Expected --fold of 1 to 5, received 6"),
        (["SONGS", "--table", "no.csv"], "No table at 'no.csv'"),
        (["SONGS", "--unlabelled", "nothing_here"], "No photo, recording or video in nothing_here"),
        (["SONGS", "--front-end", "mel", "--max-hz", "20000"], "half the sample rate"),
    ],
)
def test_what_cannot_be_trained_says_why(songs, tmp_path, capsys, more, told):
    given = [str(songs) if word == "SONGS" else word for word in more]
    hearing = [] if "mel" in more else ["--front-end", "log_mel"]
    code = main(["classify", "train", *given, "--out", str(tmp_path / "run"), *hearing])
    assert code == 2
    assert told in capsys.readouterr().err


def test_a_folder_that_is_no_classifier_is_told(tmp_path, capsys):
    assert main(["classify", "evaluate", str(tmp_path)]) == 2
    assert "No sound classifier in" in capsys.readouterr().err
