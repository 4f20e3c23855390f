import runpy
import sys
from pathlib import Path

from training import read_history

PROGRAM = Path(__file__).resolve().parents[2] / "examples" / "train_with_callbacks.py"


def test_the_example_trains_and_leaves_encoder_history_and_points(tmp_path, monkeypatch, capsys):
    out = tmp_path / "run"
    monkeypatch.setattr(sys, "argv", [str(PROGRAM), "--out", str(out), "--epochs", "2"])
    runpy.run_path(str(PROGRAM), run_name="__main__")
    assert "mean_average_precision_at_r" in capsys.readouterr().out
    history = read_history(out / "history.csv")
    assert {len(history[name]) for name in ("loss", "val_precision_at_1", "val_nmi")} == {2}
    assert (out / "best.keras").is_file()
    assert (out / "logs" / "projector" / "epoch_002.tsv").is_file()
    assert not (out / "backup").exists()  # nothing is left to restore
