import json
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fused_encoder import load_encoder
from training.workers.start import start_workers

PROGRAM = Path(__file__).with_name("worker_run.py")


@pytest.fixture(scope="module")
def runs(triplets, tmp_path_factory):
    """A folder with what became of the encoder in one process, in two workers and on two devices."""
    folder = tmp_path_factory.mktemp("runs")
    triplets.save(folder / "triplets")
    command = [sys.executable, str(PROGRAM), str(folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as on_devices:
        assert start_workers(2, command) == 0
        runpy.run_path(str(PROGRAM))["train"](folder, None, folder / "alone" / "0")
        assert on_devices.wait() == 0, on_devices.stderr.read()
    return folder


def _result(folder: Path) -> tuple[dict[str, list[float]], list[np.ndarray]]:
    with np.load(folder / "weights.npz") as weights:
        return json.loads((folder / "result.json").read_text()), list(weights.values())


@pytest.mark.parametrize("together", ["workers/0", "workers/1", "devices/0"])
def test_two_replicas_train_the_same_encoder_to_the_same_loss_as_one_process(together, runs):
    (expected_losses, expected), (losses, weights) = (
        _result(runs / "alone/0"),
        _result(runs / together),
    )
    assert losses.keys() == expected_losses.keys() >= {"loss", "embedding_loss"}
    for name, values in losses.items():
        assert values == pytest.approx(expected_losses[name], abs=1e-4), name
    for found, wanted in zip(weights, expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_the_chief_alone_writes_the_history_and_the_trained_encoder(runs):
    losses, weights = _result(runs / "workers/0")
    history = json.loads((runs / "workers/0" / "history.json").read_text())
    assert [epoch["loss"] for epoch in history] == losses["loss"]
    saved = load_encoder(runs / "workers/0" / "encoder.keras").get_weights()
    assert all(np.array_equal(*pair) for pair in zip(saved, weights, strict=True))
    assert sorted(file.name for file in (runs / "workers/1").iterdir()) == [
        "result.json",
        "weights.npz",
    ]


def _python(program: str) -> list[str]:
    """A command that runs a program which knows the `index` of its worker."""
    begin = (
        "import json, os, sys, time; index = json.loads(os.environ['TF_CONFIG'])['task']['index']; "
    )
    return [sys.executable, "-c", begin + program]


def test_a_failing_worker_ends_the_other_at_once_and_its_error_is_shown(capfd):
    began = time.monotonic()
    fails = "time.sleep(60 * (index == 0)); sys.exit('no photos on this machine')"
    assert start_workers(2, _python(fails)) == 1
    assert time.monotonic() - began < 15
    shown = capfd.readouterr().err
    assert "Worker 1 ended with exit code 1; its last lines:\nno photos on this machine\n" in shown


def test_a_worker_that_is_killed_is_a_failure_too(capfd):
    assert (
        start_workers(2, _python("time.sleep(60) if index == 0 else os.kill(os.getpid(), 9)"))
        == 137
    )
    assert (
        "Worker 1 ended by signal 9; its last lines:\n(it printed nothing)"
        in capfd.readouterr().err
    )


@pytest.mark.parametrize("code", [0, 7])
def test_the_end_of_the_chief_is_the_end_of_all_and_its_words_are_shown(code, capfd):
    assert (
        start_workers(2, _python(f"print('worker', index); sys.exit({code} * (not index))")) == code
    )
    assert capfd.readouterr().out == "worker 0\n"


def test_workers_do_not_outlive_a_process_that_is_told_to_end(tmp_path):
    worker = "open(f'{sys.argv[1]}/{os.getpid()}', 'w').close(); time.sleep(60)"
    command = [*_python(worker), str(tmp_path)]
    program = f"from training.workers.start import start_workers; start_workers(2, {command!r})"
    with subprocess.Popen([sys.executable, "-c", program]) as starter:
        while len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.05)
        starter.terminate()
    assert starter.returncode == 128 + signal.SIGTERM
    assert not any(Path(f"/proc/{file.name}").exists() for file in tmp_path.iterdir())


def test_one_process_is_not_several_workers_and_a_worker_does_not_start_others(monkeypatch):
    with pytest.raises(ValueError, match=r"Expected num_workers >= 2, received 1\."):
        start_workers(1, ["true"])
    config = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    with pytest.raises(ValueError, match="a worker already"):
        start_workers(2, ["true"])
