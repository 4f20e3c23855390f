import keras
import numpy as np
import pytest
import tensorflow as tf

from training.losses import (
    ContrastiveLoss,
    CrossBatchMemory,
    SupConLoss,
)


def memory(loss=None, size=8, **options):
    return CrossBatchMemory(loss or SupConLoss(), memory_size=size, embedding_size=5, **options)


def own_sources(labels, first=0):
    """Labels of items that are made of two files of their own each."""
    ids = np.arange(first, first + len(labels), dtype=np.int32)
    return np.stack([np.asarray(labels)[:, 0], ids, ids], axis=1)


def contrastive_slowly(batch, remembered, margin):
    """Anchors of the batch with other items of the batch and with all that is remembered."""
    together, apart = [], []
    labels, embeddings = batch
    for i, first in enumerate(labels):
        others = [(labels[j], embeddings[j]) for j in range(len(labels)) if j != i]
        for label, embedding in [*others, *remembered]:
            if any(a == b and a >= 0 for a, b in zip(first[1:], label[1:], strict=True)):
                continue
            distance = float(np.linalg.norm(embeddings[i] - embedding))
            if label[0] == first[0]:
                together.append(0.5 * distance**2)
            else:
                apart.append(0.5 * max(0, margin - distance) ** 2)
    return sum(np.mean(losses) for losses in (together, apart) if losses)


def test_batches_meet_the_last_items_of_those_before_as_in_nested_loops(random_batch):
    loss, remembered = memory(ContrastiveLoss(1.2), size=8), []
    for seed, num in enumerate((5, 5, 3, 11, 4)):
        labels, embeddings = random_batch(seed, num=num, num_classes=3, num_sources=2)
        labels[:, 1] = np.abs(labels[:, 1])  # each has at least one known source
        expected = contrastive_slowly((labels, embeddings), remembered, 1.2)
        assert float(loss(labels, embeddings)) == pytest.approx(expected, abs=1e-5)
        remembered = [*remembered, *zip(labels, embeddings, strict=True)][-8:]


def test_an_item_is_never_compared_with_the_stale_copy_of_itself(random_batch):
    labels, embeddings = own_sources([[0], [1]]), random_batch(0, num=2)[1]
    loss = memory(ContrastiveLoss(1e-6))
    loss(labels, embeddings)
    assert float(loss(labels, -embeddings)) == 0.0  # its copies would be 2 away, and cost 2


def test_without_known_sources_the_memory_gives_negatives_only(random_batch):
    embeddings = random_batch(0, num=2)[1]
    pulling = memory(ContrastiveLoss(1e-6))
    pulling(np.array([0, 1]), embeddings)
    assert float(pulling(np.array([0, 1]), -embeddings)) == 0.0
    pushing = memory(ContrastiveLoss(3.0))
    pushing(np.array([0, 0]), embeddings)
    assert float(pushing(np.array([1, 1]), embeddings)) > float(
        ContrastiveLoss(3.0)(np.array([1, 1]), embeddings)
    )


def test_gradients_reach_the_batch_and_not_the_memory(random_batch, gradient_of):
    labels, embeddings = random_batch(1)
    loss = memory(size=16)
    loss(own_sources(labels, first=100), random_batch(2)[1])
    assert np.abs(gradient_of(loss, own_sources(labels), embeddings)).max() > 0
    assert not any(variable.trainable for variable in (loss._embeddings, loss._labels))


def test_it_remembers_inside_a_graph_as_outside(random_batch):
    outside, inside = memory(), memory()
    graph = tf.function(lambda labels, embeddings: inside(labels, embeddings))
    for seed in range(3):
        labels, embeddings = random_batch(seed)
        labels = tf.constant(own_sources(labels, first=12 * seed))
        in_graph = float(graph(labels, tf.constant(embeddings)))
        assert in_graph == pytest.approx(float(outside(labels, embeddings)), abs=1e-5)


def test_a_cleared_memory_is_as_new(random_batch):
    labels, embeddings = random_batch(0)
    loss = memory()
    first = float(loss(own_sources(labels), embeddings))
    loss.clear()
    assert float(loss(own_sources(labels), embeddings)) == first


def fitted_model(random_batch):
    labels, inputs = random_batch(8)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(5)])
    model.compile(keras.optimizers.SGD(0.0), memory(size=20), run_eagerly=True)
    model.fit(inputs, own_sources(labels), verbose=0)
    return model


def test_the_memory_is_saved_with_the_weights_that_were_compiled_with_it(random_batch, tmp_path):
    model = fitted_model(random_batch)
    remembered = model.loss._embeddings.numpy().copy()
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded.loss._embeddings.numpy(), remembered)
    model.loss.clear()
    model.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(model.loss._embeddings.numpy(), remembered)


def test_weights_saved_without_a_memory_load_into_a_model_with_one(random_batch, tmp_path):
    plain = keras.Sequential([keras.Input((5,)), keras.layers.Dense(5)])
    plain.compile(keras.optimizers.SGD(0.0), SupConLoss())
    plain.save_weights(tmp_path / "plain.weights.h5")
    model = fitted_model(random_batch)
    remembered = model.loss._labels.numpy().copy()
    model.load_weights(tmp_path / "plain.weights.h5")
    np.testing.assert_array_equal(model.loss._labels.numpy(), remembered)
