import json

import pytest

from training.callbacks import HistoryFile


def test_the_history_of_two_runs_in_a_row_is_one(tmp_path):
    first = HistoryFile(tmp_path / "run" / "history.json")
    first.on_epoch_end(0, {"loss": 0.5})
    first.on_epoch_end(1, {"loss": 0.4, "val_precision_at_1": 0.7})
    second = HistoryFile(tmp_path / "run" / "history.json")
    second.on_epoch_end(2, {"loss": 0.3})
    assert second.history == {"loss": [0.5, 0.4, 0.3], "val_precision_at_1": [0.7]}


def test_an_epoch_that_is_done_again_replaces_itself_and_what_came_after(tmp_path):
    history = HistoryFile(tmp_path / "history.json")
    for epoch, loss in ((0, 0.5), (1, 0.4), (2, 0.3), (1, 0.45)):
        history.on_epoch_end(epoch, {"loss": loss})
    assert history.history == {"loss": [0.5, 0.45]}
    assert HistoryFile(tmp_path / "history.json").history == {"loss": [0.5, 0.45]}


def test_the_values_before_an_epoch_leave_out_epochs_that_logged_none(tmp_path):
    history = HistoryFile(tmp_path / "history.json")
    for epoch, logs in enumerate(({"p": 0.1}, {}, {"p": 0.3}, {"p": 0.4})):
        history.on_epoch_end(epoch, logs)
    assert history.values("p", before_epoch=3) == [0.1, 0.3]
    assert history.values("q", before_epoch=3) == []


def test_it_holds_what_keras_own_history_holds(tmp_path, fit_with):
    history = HistoryFile(tmp_path / "history.json")
    assert fit_with(3, history) == history.history


@pytest.mark.parametrize("text", ["{", "[1, 2]", '[{"loss": 1.0}]', json.dumps({"loss": [1.0]})])
def test_a_file_that_holds_no_history_is_refused(text, tmp_path):
    path = tmp_path / "history.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"history\.json' is not a history .* begin anew"):
        HistoryFile(path)
