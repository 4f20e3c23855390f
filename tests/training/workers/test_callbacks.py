import runpy
from pathlib import Path

import keras
import numpy as np
import pytest

from training.callbacks import HistoryFile
from training.workers.callbacks import callbacks_of_worker
from training.workers.chief import any_worker, chief_first, is_chief

TwoWorkers = runpy.run_path(str(Path(__file__).with_name("cluster_stand_in.py")))["TwoWorkers"]


def _writers(folder: Path) -> list[keras.callbacks.Callback]:
    return [
        HistoryFile(folder / "history.json"),
        keras.callbacks.CSVLogger(folder / "log.csv"),
        keras.callbacks.ModelCheckpoint(folder / "model.keras"),
        keras.callbacks.BackupAndRestore(folder / "backup", delete_checkpoint=False),
    ]


def _fit(callbacks: list[keras.callbacks.Callback], epochs: int = 2) -> keras.callbacks.History:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    options = {"epochs": epochs, "callbacks": callbacks, "verbose": 0}
    return model.fit(np.ones((4, 2)), np.ones((4, 1)), **options)


def test_the_chief_writes_everything_and_the_other_worker_nothing(tmp_path):
    for index in (0, 1):
        (tmp_path / str(index)).mkdir()
        _fit(callbacks_of_worker(_writers(tmp_path / str(index)), TwoWorkers(index)))
    names = ["backup", "history.json", "log.csv", "model.keras"]
    assert sorted(file.name for file in (tmp_path / "0").iterdir()) == names
    assert list((tmp_path / "1").iterdir()) == []


def test_every_worker_goes_on_from_the_backup_of_the_chief(tmp_path):
    _fit(callbacks_of_worker(_writers(tmp_path), TwoWorkers(0)))
    history = _fit(callbacks_of_worker(_writers(tmp_path), TwoWorkers(1, 0, 2)), epochs=5)
    assert history.epoch == [2, 3, 4]


def test_workers_that_would_go_on_from_different_epochs_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"found epoch 0 in .*backup.*the mean is 1\.5"):
        _fit(callbacks_of_worker(_writers(tmp_path), TwoWorkers(1, 0, 3)))


def test_a_worker_stops_with_the_other(tmp_path):
    assert len(_fit(callbacks_of_worker([], TwoWorkers(0, 1)), epochs=5).epoch) == 1
    assert len(_fit(callbacks_of_worker([], TwoWorkers(0)), epochs=5).epoch) == 5


def test_one_process_runs_the_callbacks_as_they_are(tmp_path):
    callbacks = _writers(tmp_path)
    assert callbacks_of_worker(callbacks, None) == callbacks


def test_the_chief_goes_first_and_the_others_wait():
    for index, expected in [(0, ["work", "wait"]), (1, ["wait", "work"])]:
        strategy = TwoWorkers(index)
        with chief_first(strategy):
            strategy.events.append("work")
        assert strategy.events == expected


def test_without_a_strategy_this_process_is_the_chief_and_answers_for_itself():
    assert is_chief(None)
    assert not is_chief(TwoWorkers(1))
    assert [any_worker(None, value) for value in (False, True)] == [False, True]
    assert any_worker(TwoWorkers(0, 1), False)
