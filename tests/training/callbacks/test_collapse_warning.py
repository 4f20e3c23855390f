import keras
import numpy as np
import pytest

from training import TripletLoss, create_triplet_model
from training.callbacks import CollapseWarning, embedding_spread
from training.losses import CrossBatchMemory
from training.objective import create_training_model
from training.options import TrainingOptions

INPUTS = np.random.default_rng(0).normal(size=(16, 6)).astype(np.float32)
LABELS = np.arange(16) % 4


def said(caplog):
    """Our own messages: TensorFlow warns of retracing when many models are made."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("training")]


def small_model(loss, *, collapsed):
    """Embeds 6 numbers in 3; collapsed, it gives every item one embedding. It does not learn."""
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense(3, bias_initializer="ones")
    model = keras.Sequential([keras.Input((6,)), dense, keras.layers.UnitNormalization()])
    if collapsed:
        dense.set_weights([np.zeros((6, 3)), np.ones(3)])
    model.compile(keras.optimizers.SGD(0.0), loss, run_eagerly=True)
    return model


def fit(model, *callbacks, epochs=4):
    return model.fit(INPUTS, LABELS, epochs=epochs, callbacks=list(callbacks), verbose=0).history


def test_spread_is_0_for_one_embedding_and_1_for_embeddings_that_cancel_out():
    assert embedding_spread(np.ones((5, 4)) / 2) == pytest.approx(0, abs=1e-9)
    assert embedding_spread(np.concatenate([np.eye(4), -np.eye(4)])) == 1.0


def test_a_collapsed_encoder_is_warned_of_once_with_what_to_try(caplog):
    model = small_model(TripletLoss(mining="hard"), collapsed=True)
    history = fit(model, CollapseWarning(INPUTS), epochs=6)
    assert len(said(caplog)) == 1
    assert "are nearly the same" in said(caplog)[0]
    assert "Try a learning rate ten times lower" in said(caplog)[0]
    assert history["embedding_spread"] == pytest.approx([0] * 6, abs=1e-6)


def test_an_encoder_that_has_not_collapsed_is_not_warned_of(caplog):
    history = fit(small_model(TripletLoss(mining="hard"), collapsed=False), CollapseWarning(INPUTS))
    assert said(caplog) == []
    assert min(history["embedding_spread"]) > 0.01


@pytest.mark.parametrize("in_memory", [False, True])
def test_a_loss_that_stays_at_the_margin_is_warned_of(in_memory, caplog):
    loss = TripletLoss(0.5, mining="all")
    if in_memory:
        loss = CrossBatchMemory(loss, memory_size=8, embedding_size=3)
    spread_out = small_model("mse", collapsed=False)
    fit(small_model(loss, collapsed=True), CollapseWarning(INPUTS, encoder=spread_out))
    assert len(said(caplog)) == 1
    assert "stayed at the margin (0.5000 at margin 0.5) for 3 epochs" in said(caplog)[0]


@pytest.mark.parametrize("class_scale", [None, 8.0])
def test_a_triplet_loss_that_stays_at_the_margin_is_found_beside_other_losses(class_scale, caplog):
    encoder = small_model("mse", collapsed=True)
    options = TrainingOptions(margin=0.5, class_scale=class_scale, learning_rate=1e-12)
    inputs = {"image_input": keras.Input((6,), name="image_input")}
    whole = keras.Model(inputs, encoder(inputs["image_input"]))
    model = create_training_model(whole, 4, options, total_steps=12)
    targets = dict.fromkeys(model.output, LABELS)
    spread_out = CollapseWarning(INPUTS, encoder=small_model("mse", collapsed=False))
    model.fit({"image_input": INPUTS}, targets, epochs=4, callbacks=[spread_out], verbose=0)
    assert "stayed at the margin (0.5000 at margin 0.5)" in said(caplog)[0]


def test_embeddings_that_are_nan_have_no_spread_to_tell_of(caplog):
    model = small_model(TripletLoss(mining="hard"), collapsed=True)
    model.layers[0].set_weights([np.zeros((6, 3)), np.full(3, np.nan)])
    history = fit(model, CollapseWarning(INPUTS, patience=1), epochs=1)
    assert np.isnan(history["embedding_spread"]).all()
    assert said(caplog) == []


def test_a_fused_encoder_that_ignores_its_input_has_no_spread(encoder, triplets, caplog):
    probe, _ = next(iter(triplets.to_dataset(batch_size=4, shuffle=False)))
    callback, spreads = CollapseWarning(probe, patience=1), []
    callback.set_model(create_triplet_model(encoder))
    callback.on_train_begin()
    projection = encoder.get_layer("fusion").get_layer("projection")
    kernel, bias = projection.get_weights()
    for weights in ([kernel, bias], [0 * kernel, bias + 1]):
        projection.set_weights(weights)
        logs = {}
        callback.on_epoch_end(0, logs)
        spreads.append((logs["embedding_spread"], len(said(caplog))))
    assert spreads[0][0] > 0.05
    assert spreads[0][1] == 0
    assert spreads[1] == (pytest.approx(0, abs=1e-6), 1)
