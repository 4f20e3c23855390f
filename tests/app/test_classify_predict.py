"""`classify predict` and `classify export`: what they do, what they say, and how they end."""

import argparse
import json

import numpy as np
import pytest
import tensorflow as tf

import soundscapes.run
from app.cli import classify_export, classify_predict
from fused_encoder.front_ends.windows import front_end_from_function
from media import save_waveform
from soundscapes.export import load_classifier_settings
from soundscapes.thresholds import certify_thresholds
from soundscapes.thresholds_file import save_thresholds
from tests.soundscapes.conftest import CLASSES, RATE, tiny_classifier, tone


def classify(module, *arguments):
    """The exit code of an action as typed."""
    parser = argparse.ArgumentParser()
    module.add_options(parser.add_subparsers(dest="action"))
    return module.run(parser.parse_args([str(argument) for argument in arguments]))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A folder that stands for a training run."""
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.setattr(soundscapes.run, "load_classifier", lambda path: tiny_classifier())
    return folder


@pytest.fixture
def recordings(tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    save_waveform(folder / "a.wav", np.concatenate([tone(4, 500), tone(4, 2500)]), RATE)
    save_waveform(folder / "silent.wav", np.zeros(RATE, np.float32), RATE)
    return folder


def test_it_writes_tables_and_a_report_and_lists_what_was_not_heard(
    run, recordings, tmp_path, capsys
):
    out = tmp_path / "out"
    code = classify(
        classify_predict, "predict", run, recordings, "--out", out, "--workers", 0, "--smooth"
    )
    told = capsys.readouterr()
    assert code == 1
    assert "silent.wav: silent: digital silence throughout" in told.err
    assert "2 files: 1 ok, 1 silent." in told.out
    assert f"there are no thresholds in '{run}'" in told.out
    page = (out / "report.html").read_text("utf-8")
    assert all(name in page for name in (*CLASSES, "a.wav", "digital silence throughout"))
    assert "The threshold is the same for all species and promises nothing" in page
    assert json.loads((out / "prediction.json").read_text())["smoothing"] == ["kernel"]
    pictures = {file.stem for file in (out / "pictures").iterdir()}
    assert {"species_over_time", "best_events", "uncertain_events", "confidence"} <= pictures


def test_thresholds_of_the_run_are_used_and_told(run, recordings, tmp_path, capsys):
    scores = np.random.default_rng(0).uniform(0, 0.3, (100, 3))
    labels = np.zeros((100, 3))
    labels[:60, 2] = 1
    found = certify_thresholds(
        scores, labels, range(100), class_names=CLASSES, false_positive_rate=0.05
    )
    save_thresholds(run, found)
    more = ("--out", tmp_path / "out", "--workers", 0)
    classify(classify_predict, "predict", run, recordings, *more)
    assert "1 of 3 species could not be certified and have the published" in capsys.readouterr().out
    levels = json.loads((tmp_path / "out" / "prediction.json").read_text())["thresholds"]
    assert levels["high"] == found.published
    classify(classify_predict, "predict", run, recordings, *more, "--with", run)
    assert "RUN's own thresholds are not those of an ensemble" in capsys.readouterr().out


def test_unknown_species_and_both_kinds_of_thresholds_are_refused(run, recordings, tmp_path):
    given = ("predict", run, recordings, "--out", tmp_path / "out")
    with pytest.raises(ValueError, match=r"does not know 'owl'\. It knows 3 species: 'low'"):
        classify(classify_predict, *given, "--species", "owl")
    with pytest.raises(ValueError, match="--thresholds or --threshold"):
        classify(classify_predict, *given, "--threshold", 0.4, "--thresholds", "some.json")


def test_one_species_is_listened_for(run, recordings, tmp_path):
    out = tmp_path / "out"
    given = ("--species", "high", "--out", out, "--workers", 0)
    classify(classify_predict, "predict", run, recordings / "a.wav", *given)
    assert (out / "birdclef.csv").read_text().splitlines()[0] == "row_id,high"


def test_export_says_where_it_is_and_what_is_missing(run, tmp_path, monkeypatch, capsys):
    def embed(windows):
        power = tf.abs(tf.signal.rfft(windows)) ** 2
        return tf.reduce_mean(tf.reshape(power[:, 1:401], [-1, 4, 100]), axis=2)

    front_end = front_end_from_function(
        tf.function(embed),
        name="in graph",
        sample_rate_hz=RATE,
        window_seconds=0.1,
        module=tf.Module(),
    )
    classifier = tiny_classifier()
    exported = type(classifier)(classifier.network, front_end, CLASSES, classifier.clip_frames)
    monkeypatch.setattr(soundscapes.run, "load_classifier", lambda path: exported)
    out = tmp_path / "exported"
    assert classify(classify_export, "export", run, "--out", out, "--with", run) == 0
    assert load_classifier_settings(out).num_classifiers == 2
    assert "No thresholds are inside: an ensemble has none" in capsys.readouterr().out
