"""A folder of whistles becomes a student, a LiteRT file, and events in a WAV that is piped in."""

import io
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from app.cli.main import main
from media import save_waveform
from student import read_model_card

RATE = 8000


def whistle(hz, seconds, rng):
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * hz * time) + rng.normal(0, 0.02, len(time))).astype(np.float32)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root, rng = tmp_path_factory.mktemp("live"), np.random.default_rng(0)
    for name, hz in {"Low": 500, "High": 2500}.items():
        (root / "sounds" / name).mkdir(parents=True)
        for number in range(12):
            path = root / "sounds" / name / f"{name}{number}.wav"
            save_waveform(path, whistle(hz * rng.uniform(0.9, 1.1), 1.0, rng), RATE)
    words = f"student train {root / 'sounds'} --out {root / 'run'} --teacher none --folds 3"
    words += " --sample-rate 8000 --clip-seconds 1 --channels 4 8 --hidden-size 8 --epochs 25"
    words += f" --batch-size 8 --store {root / 'store'} --learning-rate 0.01"
    assert main(words.split()) == 0
    return root


def test_a_piped_wav_gives_events_as_json_lines_and_a_table(run, monkeypatch, capsys, tmp_path):
    rng = np.random.default_rng(1)
    sound = [whistle(500, 6, rng), whistle(2500, 6, rng)]
    save_waveform(tmp_path / "day.wav", np.concatenate(sound), RATE)
    piped = io.BytesIO((tmp_path / "day.wav").read_bytes())
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=piped))
    capsys.readouterr()
    table = tmp_path / "events.csv"
    words = (
        f"listen {run / 'run'} - --out {table} --threshold 0.5 --start 2030-06-01T00:00:00+00:00"
    )
    assert main(words.split()) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    events = [line for line in lines if line["type"] == "event"]
    assert {"Low", "High"} == {event["species"] for event in events}
    first = next(event for event in events if event["species"] == "High")
    assert first["start_time"].startswith("2030-06-01T00:00:0")
    assert lines[-1]["type"] == "status"
    assert lines[-1]["heard_seconds"] == 12
    assert lines[-1]["dropped_seconds"] == 0
    assert len(table.read_text().splitlines()) == 1 + len(events)


def test_export_writes_a_small_file_and_unknown_a_rule_refuses_too_few_species(run, capsys):
    out = run / "student.tflite"
    assert (
        main(f"student export {run / 'run'} --out {out} --format float32 --store {run}".split())
        == 0
    )
    assert "1.0000 of" in capsys.readouterr().out
    assert read_model_card(out)["class_names"] == ["High", "Low"]
    assert main(f"student unknown {run / 'run'} --store {run / 'store'}".split()) == 2
    assert "at least two" in capsys.readouterr().err


def test_a_folder_without_a_run_is_told(tmp_path, capsys):
    assert main(["listen", str(tmp_path), "-"]) == 2
    assert "No run in" in capsys.readouterr().err
