import json
import runpy
import sys
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[2] / "examples" / "train_with_callbacks.py"


def test_the_example_trains_and_leaves_encoder_history_and_points(tmp_path, monkeypatch, capsys):
    out = tmp_path / "run"
    monkeypatch.setattr(sys, "argv", [str(PROGRAM), "--out", str(out), "--epochs", "2"])
    runpy.run_path(str(PROGRAM), run_name="__main__")
    assert "mean_average_precision_at_r" in capsys.readouterr().out
    epochs = json.loads((out / "history.json").read_text())
    assert [set(epoch) >= {"loss", "val_precision_at_1", "val_nmi"} for epoch in epochs] == [
        True
    ] * 2
    assert (out / "best.keras").is_file()
    assert (out / "logs" / "projector" / "trained.tsv").is_file()
    assert not (out / "backup").exists()  # nothing is left to restore
