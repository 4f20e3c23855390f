import io

import keras
import numpy as np
import pytest
import tqdm as tqdm_module

from training import RetrievalValidation
from training.callbacks import ProgressBar

VALIDATED = {"val_precision_at_1", "val_r_precision", "val_mean_average_precision_at_r"}


class Watching(keras.callbacks.Callback):
    """Remembers what each epoch logged."""

    def __init__(self):
        super().__init__()
        self.logged = []

    def on_epoch_end(self, epoch, logs=None):
        self.logged.append(set(logs))


class DirectionOfFirstFrame:
    """An embedder that needs no encoder."""

    def embed_features(self, images, sequences):
        vectors = np.stack([sequence[0] for sequence in sequences])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def validation(encoder, yamnet, trained):
    def of(**options):
        return RetrievalValidation(encoder, yamnet, trained.training, trained.held_out, **options)

    return of


@pytest.fixture
def fit_with(monkeypatch):
    """Fits a very small model with some callbacks; the validation embeds without an encoder."""
    monkeypatch.setattr(
        "training.callbacks.Embedder.from_encoder", lambda *_, **__: DirectionOfFirstFrame()
    )

    def fit(epochs, *callbacks):
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        numbers = np.zeros((4, 1))
        return model.fit(
            numbers, numbers, epochs=epochs, batch_size=2, callbacks=list(callbacks), verbose=0
        ).history

    return fit


def test_every_so_many_epochs_and_the_last_one_are_validated(validation, fit_with):
    watching = Watching()
    fit_with(5, validation(every=2), watching)
    assert [logged >= VALIDATED for logged in watching.logged] == [False, True, False, True, True]


def test_the_history_holds_shares_between_0_and_1(validation, fit_with):
    history = fit_with(2, validation())
    assert set(history) == {"loss", *VALIDATED}
    assert all(0 <= value <= 1 for name in VALIDATED for value in history[name])


def test_early_stopping_can_stop_by_the_validation(validation, fit_with):
    stopping = keras.callbacks.EarlyStopping("val_precision_at_1", mode="max", patience=1)
    assert len(fit_with(5, validation(), stopping)["loss"]) == 2  # it never gets better


def test_validation_sees_the_weights_of_the_moment(encoder, validation):
    callback = validation()
    callback.set_params({"epochs": 1})
    before, after = {}, {}
    callback.on_epoch_end(0, before)
    rng = np.random.default_rng(0)
    encoder.set_weights([rng.normal(size=w.shape) * 0.2 + w for w in encoder.get_weights()])
    callback.on_epoch_end(0, after)
    assert set(before) == set(after) == VALIDATED
    assert before != after


def test_an_interval_below_one_epoch_is_refused(validation):
    with pytest.raises(ValueError, match=r"Expected every >= 1 \(epochs\), received 0\."):
        validation(every=0)


def test_the_progress_bar_counts_all_steps_and_shows_the_loss(monkeypatch, fit_with):
    screen = io.StringIO()
    original = tqdm_module.tqdm
    monkeypatch.setattr(tqdm_module, "tqdm", lambda **options: original(file=screen, **options))
    fit_with(3, ProgressBar(total_steps=6))
    assert "6/6" in screen.getvalue()
    assert "loss=0.000" in screen.getvalue()
