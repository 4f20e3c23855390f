import io

import pytest
import tqdm as tqdm_module

from training.callbacks import ProgressBar


@pytest.fixture
def screen(monkeypatch):
    screen = io.StringIO()
    original = tqdm_module.tqdm
    monkeypatch.setattr(tqdm_module, "tqdm", lambda **options: original(file=screen, **options))
    return screen


def test_the_progress_bar_counts_all_steps_and_shows_the_loss(screen, fit_with):
    fit_with(3, ProgressBar(total_steps=6))
    assert "6/6" in screen.getvalue()
    assert "loss=0.000" in screen.getvalue()


def test_a_run_that_goes_on_starts_with_the_steps_behind_it(screen):
    bar = ProgressBar(total_steps=10)
    bar.set_params({"epochs": 5})
    bar.on_train_begin()
    bar.on_epoch_begin(3)
    bar.on_train_batch_end(0, {"loss": 0.5})
    bar.on_train_end()
    assert "7/10" in screen.getvalue()
