import keras
import numpy as np
import pytest

from fused_encoder import create_fused_encoder
from training.frozen_trunk import split_frozen_trunk
from training.workers.replica_copy import copy_for_replicas
from training.workers.replicate import replicate


def small_encoder(fusion: str = "concatenate") -> keras.Model:
    keras.utils.set_random_seed(0)
    return create_fused_encoder(
        image_backbone="small_cnn",
        image_weights=None,
        image_trainable="last_block",
        fusion=fusion,
        modality_dropout=0.5,
    )


def _inputs(model: keras.Model) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = {tensor.name: (4, *tensor.shape[1:-1], tensor.shape[-1]) for tensor in model.inputs}
    return {
        name: rng.uniform(size=[3 if size is None else size for size in shape]).astype(np.float32)
        for name, shape in shapes.items()
    }


@pytest.fixture(scope="module", params=["concatenate", "additive", "head"])
def original(request):
    if request.param == "head":
        return split_frozen_trunk(small_encoder()).head
    return small_encoder(request.param)


def test_a_copy_gives_what_its_original_gives_in_inference_and_draws_the_same(original):
    inputs, copy = _inputs(original), copy_for_replicas(original).model
    for training in (False, True):
        expected, found = (np.asarray(m(inputs, training=training)) for m in (original, copy))
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_original_gets_weights_and_random_states_back():
    encoder = small_encoder("additive")
    inputs, copy = _inputs(encoder), copy_for_replicas(encoder)
    copy.model.set_weights([weight + 0.1 for weight in copy.model.get_weights()])
    copy.model(inputs, training=True)  # draws
    copy.give_back()
    for training in (False, True):
        expected, found = (np.asarray(m(inputs, training=training)) for m in (copy.model, encoder))
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_batch_norm_of_a_copy_looks_at_all_replicas_and_what_is_frozen_stays_so():
    encoder = small_encoder()
    copy = copy_for_replicas(encoder).model
    norms = [x for x in copy._flatten_layers() if isinstance(x, keras.layers.BatchNormalization)]
    assert norms
    assert all(layer.synchronized for layer in norms)
    assert len(copy.trainable_weights) == len(encoder.trainable_weights) < len(encoder.weights)


def test_what_is_made_after_a_copy_is_made_as_without_one():
    firsts = []
    for is_copied in (False, True):
        encoder = small_encoder("additive")
        if is_copied:
            copy_for_replicas(encoder)
        firsts.append(keras.layers.Dense(3)(np.ones((1, 2))))
    np.testing.assert_array_equal(*firsts)


def test_without_a_strategy_the_model_is_made_around_the_encoder_itself():
    encoder = small_encoder("additive")
    assert replicate(lambda inner: inner, encoder, None) is encoder


def test_what_cannot_be_replicated_says_why():
    import tensorflow as tf

    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    with pytest.raises(
        TypeError, match=r"tf\.distribute\.MirroredStrategy\(\), received 'mirrored'"
    ):
        replicate(lambda inner: inner, small_encoder("additive"), "mirrored")
    with pytest.raises(
        ValueError, match="Expected create_model to compile its model 'fused_encoder'"
    ):
        replicate(lambda inner: inner, small_encoder("additive"), strategy)

    class Subclassed(keras.Model):
        pass

    with pytest.raises(ValueError, match=r"Expected a functional model.*received Subclassed"):
        replicate(lambda inner: inner, Subclassed(), strategy)
