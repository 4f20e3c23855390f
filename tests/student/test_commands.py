import json
import shutil

import pandas as pd
import pytest

from app.cli.main import main
from student import load_student_run, read_model_card

HEARING = ["--sample-rate", "8000", "--clip-seconds", "1", "--bands", "32"]
RECIPE = [
    "--teacher",
    "none",
    "--epochs",
    "2",
    "--channels",
    "4",
    "8",
    "--hidden-size",
    "8",
    "--folds",
    "3",
]


@pytest.fixture(scope="module")
def trained(songs, tmp_path_factory):
    root = tmp_path_factory.mktemp("command")
    store = ["--store", str(root / "store")]
    command = ["student", "train", str(songs), "--source", "^(.*)_", "--out", str(root / "run")]
    assert main([*command, *HEARING, *RECIPE, *store]) == 0
    return root / "run", store


def test_a_student_is_trained_and_evaluated_with_its_confounds_told(trained, capsys):
    run, store = trained
    assert main(["student", "evaluate", str(run), *store]) == 0
    told = capsys.readouterr().out
    assert "held-out recordings" in told
    assert "Confounds: without any sound of an animal" in told
    metrics = json.loads((run / "evaluation" / "metrics.json").read_text("utf-8"))
    assert set(metrics["confounds"]["by_condition"]) >= {"sample_rate_hz", "noise_floor_db"}
    assert (run / "evaluation" / "misclassified.xlsx").is_file()


def test_a_student_is_pruned_into_a_run_like_any_other_and_takes_sound(trained, tmp_path, capsys):
    run, store = trained
    pruned = tmp_path / "pruned"
    command = ["student", "prune", str(run), "--out", str(pruned), "--sparsity", "0.6"]
    assert main([*command, "--steps", "1", "--epochs", "1", *store]) == 0
    assert "of the weights are 0. Compressed, all numbers take" in capsys.readouterr().out
    record = load_student_run(pruned).pruned
    assert record["sparsity"] == pytest.approx(0.6, abs=0.05)
    assert record["zipped_kilobytes"] < record["zipped_kilobytes_before"]
    file = tmp_path / "student.tflite"
    command = ["student", "export", str(pruned), "--out", str(file), "--format", "float32"]
    assert main([*command, "--input", "waveform", *store]) == 0
    assert read_model_card(file)["pruned"] == record
    assert main([*command[:-1], "onnx", "--input", "waveform"]) == 2
    assert "An ONNX file takes mel" in capsys.readouterr().err


@pytest.mark.parametrize("ending", ["xlsx", "csv", "parquet"])
def test_a_sheet_of_features_is_written(songs, tmp_path, ending, trained):
    out = tmp_path / f"metadata.{ending}"
    assert main(["student", "features", str(songs), "--out", str(out), *HEARING, *trained[1]]) == 0
    read = {"xlsx": pd.read_excel, "csv": pd.read_csv, "parquet": pd.read_parquet}[ending]
    table = read(out)
    assert list(table.columns[:4]) == [
        "file_name",
        "species_name",
        "sample_rate",
        "spectral_centroid",
    ]
    assert table.shape == (36, 21)
    assert sorted(table["sample_rate"].unique()) == [8000, 2 * 8000, 22_050]


def test_a_band_that_the_rate_cannot_hold_is_refused_before_any_work(songs, tmp_path, capsys):
    command = ["student", "train", str(songs), "--out", str(tmp_path / "run"), "--folds", "3"]
    band = ["--sample-rate", "16000", "--min-hz", "3000", "--max-hz", "19000"]
    assert main([*command, *band]) == 2
    assert "Raise sample_rate_hz to 38000" in capsys.readouterr().err


def test_folders_with_sheets_are_trained_on_with_depth_where_it_is_known(songs, tmp_path, trained):
    for path in songs.rglob("*.wav"):
        side = "test" if path.stem[-3] in "45" else "train"
        (tmp_path / side / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / side / path.parent.name / path.name)
    for side in ("train", "test"):
        sheet = tmp_path / f"{side}_metadata.csv"
        command = ["student", "features", str(tmp_path / side), "--out", str(sheet)]
        assert main([*command, *HEARING, *trained[1]]) == 0
        table = pd.read_csv(sheet)
        table["depth"] = [None if number % 3 else 10.0 * number for number in range(len(table))]
        table.to_csv(sheet, index=False)
    run = tmp_path / "run"
    command = ["student", "train", str(tmp_path), "--source", "^(.*)_", "--out", str(run)]
    assert main([*command, "--extra", "depth", *HEARING, *RECIPE, *trained[1]]) == 0
    assert main(["student", "evaluate", str(run), *trained[1]]) == 0
    assert json.loads((run / "run.json").read_text("utf-8"))["extra_names"] == ["depth"]
