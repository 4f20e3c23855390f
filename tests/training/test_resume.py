import runpy
import signal
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

from training.backup import read_history

PROGRAM = Path(__file__).with_name("resumable_run.py")
train = runpy.run_path(str(PROGRAM))["train"]


@pytest.fixture(scope="module")
def killed_folder(triplets, tmp_path_factory):
    """What a run of five epochs leaves that was killed in its third, in a process of its own."""
    folder = tmp_path_factory.mktemp("killed")
    triplets.save(folder / "triplets")
    killed = subprocess.run([sys.executable, PROGRAM, folder, "2"], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    return folder


@pytest.fixture(scope="module")
def unbroken(killed_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    copytree(killed_folder / "triplets", folder / "triplets")
    return train(folder)


def test_the_same_seed_gives_the_same_losses_in_another_process(killed_folder, unbroken):
    killed = read_history(killed_folder / "history.csv")
    assert killed["loss"] == unbroken["history"]["loss"][:2]
    assert len(set(unbroken["history"]["loss"])) == 5


def test_a_run_killed_in_its_third_epoch_goes_on_as_before(killed_folder, unbroken, tmp_path):
    copytree(killed_folder, tmp_path, dirs_exist_ok=True)
    joined = train(tmp_path)
    assert joined["history"]["loss"] == pytest.approx(unbroken["history"]["loss"], rel=1e-5)
    np.testing.assert_allclose(joined["weights"], unbroken["weights"], rtol=1e-4, atol=1e-6)
    assert joined["rate"] == unbroken["rate"]
