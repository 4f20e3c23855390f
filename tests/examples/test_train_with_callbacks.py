import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "examples" / "train_with_callbacks.py"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What the example prints, and the folder it writes into."""
    out = tmp_path_factory.mktemp("example") / "run"
    done = subprocess.run(
        [sys.executable, PROGRAM, "--out", out, "--epochs", "2"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, out


def test_the_example_trains_and_leaves_encoder_history_and_points(run):
    printed, out = run
    assert "mean_average_precision_at_r" in printed
    epochs = json.loads((out / "history.json").read_text())
    assert [set(epoch) >= {"loss", "val_precision_at_1", "val_nmi"} for epoch in epochs] == [
        True
    ] * 2
    assert (out / "best.keras").is_file()
    assert (out / "logs" / "projector" / "trained.tsv").is_file()
    assert not (out / "backup").exists()  # nothing is left to restore
